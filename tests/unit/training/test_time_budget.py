"""A time budget buys as many epochs as fit, with the last validation."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.parallel.solo import Solo
from unet.training.position import Position
from unet.training.time_budget import SAFETY, TimeBudget, epochs_that_fit


def test_epochs_and_validations_share_what_is_left():
    assert epochs_that_fit(3, 100.0, 10.0 / SAFETY, 0.0, 1) == 13
    assert epochs_that_fit(3, 110.0, 10.0 / SAFETY, 10.0, 1) == 3 + 5


def test_no_time_left_ends_with_the_epochs_done():
    assert epochs_that_fit(7, -5.0, 1.0, 1.0, 2) == 7
    assert epochs_that_fit(7, 0.5, 1.0, 0.0, 2) == 7


@given(
    st.integers(0, 50), st.floats(0, 1e4), st.floats(0.01, 100), st.floats(0, 50), st.integers(1, 9)
)
def test_what_fits_never_takes_longer_than_what_is_left(done, left, epoch, validation, every):
    more = epochs_that_fit(done, left, epoch, validation, every) - done
    if more:
        assert more * epoch + (more / every + 1) * validation <= left * 1.0001


def budget(seconds, used, step_seconds=1.0):
    time = SimpleNamespace(
        elapsed=lambda: float(used), step_seconds=step_seconds, validation_seconds=0.0
    )
    return TimeBudget(seconds, 1, time, Solo())


DONE = Position(
    epoch=4, step=0, global_step=40, steps_per_epoch=10, epochs=4, ranks=1, batch_size=1, threads=1
)


@pytest.mark.parametrize(("seconds", "estimate", "told"), [(300.0, 952, 100), (None, 952, 952)])
def test_an_estimate_never_exceeds_what_the_budget_has_left(seconds, estimate, told):
    assert budget(seconds, used=200).shorten(estimate) == told
    assert budget(300.0, used=400).shorten(estimate) == 0


def test_a_larger_budget_buys_more_epochs_less_what_was_used():
    assert budget(1000.0, used=200).epochs_when_taken_up(DONE) == 4 + int(770 / (10 * SAFETY))


@pytest.mark.parametrize(("seconds", "used"), [(None, 0), (200.0, 195), (200.0, 190), (100.0, 500)])
def test_a_budget_that_is_as_good_as_spent_buys_nothing(seconds, used):
    assert budget(seconds, used, step_seconds=0.001).epochs_when_taken_up(DONE) == 4
