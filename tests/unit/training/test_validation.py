"""The mean of a round of validation, from masks that a test gives."""

from types import SimpleNamespace

import numpy as np
import pytest

from unet.parallel.solo import Solo
from unet.training.validation import Validator


def validated(masks):
    """The validation of cases whose predicted and actual masks, bool [D, H, W, R], are given."""
    validator = object.__new__(Validator)
    regions = tuple(range(masks[0][0].shape[-1]))
    target = SimpleNamespace(regions=regions)
    cases = tuple(range(len(masks)))
    validator.data = SimpleNamespace(
        split=SimpleNamespace(validation=cases), plan=SimpleNamespace(target=target)
    )
    validator.comm = Solo()
    validator.model = SimpleNamespace(set_weights=lambda weights: None)
    validator._masks = masks.__getitem__
    validator._picture = lambda *_: None
    trainer = SimpleNamespace(model=SimpleNamespace(weights=[]), averaged_weights=list)
    return validator.validate(trainer, lambda done, cases: True)


def mask(*planes):
    """Bool [4, 2, 2, R]: of each region so many planes."""
    made = np.zeros((4, 2, 2, len(planes)), bool)
    for region, count in enumerate(planes):
        made[:count, ..., region] = True
    return made


def test_the_mean_is_over_cases_and_regions():
    round_ = validated([(mask(1, 2), mask(1, 1)), (mask(1, 1), mask(3, 1))])
    assert round_.dice == pytest.approx(np.mean([1, 2 / 3, 1 / 2, 1]))


@pytest.mark.parametrize("predicted", [0, 2])
def test_a_region_that_no_case_has_counts_for_nothing(predicted):
    cases = [(mask(1, predicted), mask(1, 0)), (mask(1, 0), mask(3, 0))]
    assert validated(cases).dice == pytest.approx(np.mean([1, 1 / 2]))


def test_an_empty_case_counts_where_another_has_the_region():
    assert validated([(mask(1), mask(0)), (mask(1), mask(1))]).dice == pytest.approx(0.5)
    assert validated([(mask(1), mask(0)), (mask(0), mask(0))]).dice == pytest.approx(0.5)
