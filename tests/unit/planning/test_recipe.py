"""CT is normalised by the data set, everything else by the case."""

import numpy as np
from support.fingerprints import fingerprint_of

from unet.planning.recipe import make_recipe


def test_ct_statistics_weigh_cases_alike():
    rng = np.random.default_rng(0)
    foreground = [rng.normal(100, 10, 50), rng.normal(140, 10, 50_000)]
    recipe = make_recipe(fingerprint_of([(1, 1, 1)] * 2, ct=True, foreground=foreground), None)
    assert recipe.scheme == "ct"
    (stats,) = recipe.ct_stats
    assert abs(stats.mean - 120) < 4
    assert abs(stats.sd - np.hypot(10, 20)) < 3
    assert 60 < stats.low < 95
    assert 150 < stats.high < 180


def test_mr_and_unlabelled_ct_are_normalised_case_by_case():
    assert make_recipe(fingerprint_of([(1, 1, 1)]), (2.0, 2.0, 2.0)).spacing == (2.0, 2.0, 2.0)
    assert make_recipe(fingerprint_of([(1, 1, 1)]), None).scheme == "zscore"
    assert make_recipe(fingerprint_of([(1, 1, 1)], ct=True), None).scheme == "zscore"
