"""CT is normalised by the data set, everything else by the case."""

import numpy as np
from support.fingerprints import fingerprint_of

from unet.data.case_measurement import facts_of_case
from unet.data.preparation import prepare_image
from unet.data.recipe import CtStats, Recipe
from unet.data.volume import Volume
from unet.planning.recipe import make_recipe


def test_ct_statistics_weigh_cases_alike():
    rng = np.random.default_rng(0)
    foreground = [rng.normal(100, 10, 50), rng.normal(140, 10, 50_000)]
    recipe = make_recipe(
        fingerprint_of([(1, 1, 1)] * 2, ct=True, foreground=foreground), None
    ).value
    assert recipe.scheme == "ct"
    (stats,) = recipe.ct_stats
    assert abs(stats.mean - 120) < 4
    assert abs(stats.sd - np.hypot(10, 20)) < 3
    assert 60 < stats.low < 95
    assert 150 < stats.high < 180


def test_mr_and_unlabelled_ct_are_normalised_case_by_case():
    assert make_recipe(fingerprint_of([(1, 1, 1)]), (2.0, 2.0, 2.0)).value.spacing == (
        2.0,
        2.0,
        2.0,
    )
    assert make_recipe(fingerprint_of([(1, 1, 1)]), None).value.scheme == "zscore"
    assert make_recipe(fingerprint_of([(1, 1, 1)], ct=True), None).value.scheme == "zscore"


def test_a_few_stray_voxels_of_a_ct_clip_nothing():
    """HU about N(100, 20) with 50 of 300,000 voxels far away, as metal or a slip of the mask."""
    rng = np.random.default_rng(0)
    cases = []
    for index in range(6):
        array = np.full((70, 70, 70, 1), -1000, np.float32)
        label = np.zeros(array.shape[:3], np.uint8)
        label[1:68, 1:68, 1:68] = 1
        inside = rng.normal(100, 20, int(label.sum())).astype(np.float32)
        inside[:25], inside[25:50] = -877, 2409
        array[label > 0, 0] = rng.permutation(inside)
        volume = Volume(array=array, affine=np.eye(4), spacing=(1.0, 1.0, 1.0))
        cases.append(facts_of_case(f"c{index}", volume, label, (1,)))
    fingerprint = fingerprint_of([(1, 1, 1)], ct=True).model_copy(update={"cases": tuple(cases)})
    (stats,) = make_recipe(fingerprint, None).value.ct_stats
    assert 46 < stats.low < 51
    assert 149 < stats.high < 154


def test_a_ct_is_padded_with_air_and_an_older_models_with_its_mean():
    stats = CtStats(low=-100, high=200, mean=50, sd=30)
    array = np.full((20, 20, 20), -1000, np.float32)
    array[5:15, 5:15, 5:15] = 80
    for zero, air, organ in (("air", 0.0, 6.0), ("mean", -5.0, 1.0)):
        recipe = Recipe(scheme="ct", ct_stats=(stats,), ct_zero=zero)
        prepared, _ = prepare_image(array, np.eye(4), (1.0, 1.0, 1.0), recipe)
        assert set(np.unique(prepared)) <= {air, organ}
    assert (
        make_recipe(
            fingerprint_of([(1, 1, 1)], ct=True, foreground=[np.arange(100.0)]), None
        ).value.ct_zero
        == "air"
    )


def test_the_flag_beats_names_and_values():
    foreground = [np.arange(100.0)]
    ct = fingerprint_of([(1, 1, 1)], ct=True, foreground=foreground)
    assert make_recipe(ct, None, "other").value.scheme == "zscore"
    mr = fingerprint_of([(1, 1, 1)], foreground=foreground)
    decided = make_recipe(mr, None, "ct")
    assert decided.value.scheme == "ct"
    assert "as --modality says" in decided.reasons[0]
