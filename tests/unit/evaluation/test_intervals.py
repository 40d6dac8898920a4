import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unet.evaluation.intervals import LEAST_CASES, bootstrap_mean

FIVE = [0.1, 0.5, 0.9, 0.7, 0.6]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("count", range(1, LEAST_CASES))
def test_few_cases_have_no_interval_and_no_case_no_mean(count):
    assert bootstrap_mean([]) is None
    few = bootstrap_mean([0.7] * count)
    assert (few.mean, few.low, few.high, few.count) == (pytest.approx(0.7), None, None, count)
    assert bootstrap_mean([0.6, 0.7, 0.8, 0.9, 0.7]).low is not None


@pytest.mark.parametrize("value", [0.5, 0.1, 0.0, -3e-5])
def test_equal_cases_leave_no_doubt(value):
    estimate = bootstrap_mean([value] * 10)
    assert estimate.low == estimate.mean == estimate.high == pytest.approx(value)


def test_a_case_without_a_figure_is_not_counted():
    assert bootstrap_mean([np.nan, *FIVE]) == bootstrap_mean(FIVE)
    assert bootstrap_mean([np.nan, np.nan]) is None
    assert bootstrap_mean([np.nan, 0.5]).count == 1


@settings(deadline=None, max_examples=60)
@example([0.0, 0.0, 0.0, 0.0, 2.2250738585e-313])
@given(st.lists(st.floats(0, 1), min_size=LEAST_CASES, max_size=40))
def test_the_interval_lies_within_the_cases_and_its_ends_are_in_order(values):
    estimate = bootstrap_mean(values)
    rounding = 1e-9
    assert min(values) - rounding <= estimate.low <= estimate.high <= max(values) + rounding


def test_the_interval_is_that_of_the_normal_law_for_many_cases():
    values = np.random.default_rng(0).normal(0.8, 0.1, 400)
    estimate = bootstrap_mean(values)
    error = values.std() / np.sqrt(len(values))
    assert estimate.low == pytest.approx(values.mean() - 1.96 * error, abs=error / 5)
    assert estimate.high == pytest.approx(values.mean() + 1.96 * error, abs=error / 5)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(60):
        estimate = bootstrap_mean(rng.beta(8, 2, 30))
        hits += estimate.low <= 0.8 <= estimate.high
    assert hits >= 51  # 95 % of 60 is 57


def test_failures_among_good_cases_lower_the_interval_further_than_percentiles_do():
    dice = [0.9] * 18 + [0.35, 0.0]
    corrected, percentile = bootstrap_mean(dice), bootstrap_mean(dice, method="percentile")
    assert corrected.mean == percentile.mean
    assert corrected.low < percentile.low
    assert corrected.high <= percentile.high


def test_the_same_values_always_give_the_same_interval():
    assert bootstrap_mean(FIVE) == bootstrap_mean(list(FIVE))
