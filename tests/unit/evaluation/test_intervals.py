import numpy as np
import pytest

from unet.evaluation.intervals import bootstrap_mean


def test_one_case_has_no_interval_and_no_case_no_mean():
    assert bootstrap_mean([]) is None
    single = bootstrap_mean([0.7])
    assert (single.mean, single.low, single.high) == (0.7, None, None)


def test_equal_cases_leave_no_doubt():
    estimate = bootstrap_mean([0.5] * 10)
    assert (estimate.low, estimate.high) == (0.5, 0.5)


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


def test_the_same_values_always_give_the_same_interval():
    assert bootstrap_mean([0.1, 0.5, 0.9]) == bootstrap_mean([0.1, 0.5, 0.9])
