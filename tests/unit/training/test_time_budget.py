"""A time budget buys as many epochs as fit, with the last validation, and ends the run."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.parallel.solo import Solo
from unet.training.position import Position
from unet.training.time_budget import (
    LAST_VALIDATION_SHARE,
    SAFETY,
    VALIDATION_SHARE,
    WRITING_SECONDS,
    TimeBudget,
    epochs_that_fit,
)


@dataclass
class Clock:
    """What a run has used, as a test says."""

    used: float = 0.0
    step_seconds: float = 1.0
    validation_seconds: float = 0.0
    validating: float = 0.0
    start_seconds: float = 0.0

    def elapsed(self):
        return self.used


def position(**fields):
    known = {"epoch": 0, "step": 0, "global_step": 0, "steps_per_epoch": 10, "epochs": 20}
    return Position.model_validate(known | {"ranks": 1, "batch_size": 1, "threads": 1} | fields)


def budget(seconds, validate_every=1, comm=None, most=None, **clock):
    return TimeBudget(seconds, validate_every, Clock(**clock), comm or Solo(), most)


def test_epochs_and_validations_share_what_is_left():
    assert epochs_that_fit(3, 100.0, 10.0 / SAFETY, 0.0, 1) == 13
    assert epochs_that_fit(3, 110.0, 40.0 / SAFETY, 10.0, 1) == 3 + 2


def test_no_time_left_ends_with_the_epochs_done():
    assert epochs_that_fit(7, -5.0, 1.0, 1.0, 2) == 7
    assert epochs_that_fit(7, 0.5, 1.0, 0.0, 2) == 7


@given(
    st.integers(0, 50), st.floats(0, 1e4), st.floats(0.01, 100), st.floats(0, 50), st.integers(1, 9)
)
def test_what_fits_never_takes_longer_than_what_is_left(done, left, epoch, validation, every):
    more = epochs_that_fit(done, left, epoch, validation, every) - done
    paid = min(validation / every, epoch * VALIDATION_SHARE / (1 - VALIDATION_SHARE))
    if more:
        assert more * (epoch + paid) + validation <= left * 1.0001


def test_time_used_before_the_first_step_counts():
    fresh, late = budget(1000.0, used=10.0), budget(1000.0, used=700.0)
    assert fresh.taken_up(position()).epochs > 3 * late.taken_up(position()).epochs
    assert late.taken_up(position()).epochs * 10 <= 300


def test_a_run_that_was_done_goes_on_with_a_larger_budget_and_not_with_the_same():
    done = position(epoch=9, epochs=9)
    for used in (91.0, 99.0, 500.0):
        assert budget(100.0, used=used, step_seconds=0.001).taken_up(done) == done
    more = budget(400.0, used=99.0).taken_up(done)
    assert more.epochs > 9
    assert more.extended_at == 9


def test_epochs_that_were_asked_for_are_no_more_however_many_fit():
    assert budget(1000.0, most=7).taken_up(position()).epochs == 7
    assert budget(1000.0, most=7).at_the_end_of(position(epoch=2, step=10), cut=False).epochs == 7
    assert budget(100.0, most=70).taken_up(position()).epochs < 10
    done = position(epoch=7, epochs=7)
    assert budget(1000.0, most=7).taken_up(done) == done


def test_an_epoch_that_has_begun_is_ended_however_little_is_left():
    assert budget(100.0, used=500.0).taken_up(position(epoch=4, step=3)).epochs == 5
    assert budget(100.0, used=500.0).taken_up(position()).epochs == 1


def test_the_budget_that_is_advised_would_buy_the_steps():
    short = budget(25.0, used=21.0, step_seconds=0.01, validation_seconds=2.0, start_seconds=2.0)
    assert short.taken_up(position()).steps_left < 300
    advised = short.that_buys(300)
    assert advised % 10 == 0
    enough = budget(advised, used=21.0, step_seconds=0.01, validation_seconds=2.0)
    assert enough.taken_up(position()).steps_left >= 300


def test_no_step_is_begun_that_leaves_no_time_to_validate_and_write():
    assert not budget(100.0, used=100 - WRITING_SECONDS - 9, validation_seconds=8.0).used_up()
    assert budget(100.0, used=100 - WRITING_SECONDS - 7, validation_seconds=8.0).used_up()
    assert not budget(None, used=1e9).used_up()


def test_validations_are_never_given_most_of_a_budget():
    long = budget(100.0, validation_seconds=1000.0)
    assert long.last_validation == LAST_VALIDATION_SHARE * 100
    assert long.taken_up(position()).epochs > 1
    assert not long.at_the_end_of(position(step=10), cut=False).validates


def test_a_cut_epoch_is_the_last_and_is_validated():
    ending = budget(100.0, used=99.0).at_the_end_of(position(epoch=2, step=4), cut=True)
    assert (ending.epochs, ending.validates) == (3, True)


def test_without_a_budget_epochs_and_validations_are_as_planned():
    free = budget(None, validate_every=2, used=1e6, validation_seconds=1e6)
    assert [
        free.at_the_end_of(position(epoch=n, step=10), cut=False).validates for n in (0, 1)
    ] == [
        False,
        True,
    ]
    assert free.taken_up(position()) == position()
    assert free.time_left(position(), 1.0) == 200.0


@pytest.mark.parametrize("used", [0.0, 95.0, 300.0])
def test_what_is_said_to_be_left_never_exceeds_the_budget(used):
    slow = budget(100.0, used=used)
    assert 0 <= slow.time_left(position(epochs=1000), 0.01) <= max(0.0, 100.0 - used)


def test_rank_zeros_clock_decides_for_all():
    class Second(Solo):
        rank = 1
        size = 2

        def gather_objects(self, item):
            return [7, item]

    late = budget(100.0, comm=Second(), used=1000.0)
    assert not late.used_up()
    assert late.taken_up(position()).epochs == 7
