"""A run is as long as was asked for, or as its time budget."""

import math

import pytest
from support.fingerprints import plan_for, same_cases


def test_a_deadline_is_filled_but_not_exceeded():
    made = plan_for(same_cases((64, 64, 64)), time_budget=1200.0)
    assert 0.6 * 1200 < made.epochs * made.epoch_seconds <= 1200
    assert made.epochs >= 15


@pytest.mark.parametrize(
    ("shape", "budget"), [((240, 240, 155), 5.0), ((64, 64, 64), 5.0), ((16, 16, 16), 600.0)]
)
def test_epochs_within_a_budget_take_a_second_at_least(shape, budget):
    made = plan_for(same_cases(shape), time_budget=budget)
    assert made.epoch_seconds == pytest.approx(1.0, rel=0.1)
    assert made.epochs >= 1


def test_epochs_default_to_the_course():
    assert plan_for(same_cases((64, 64, 64))).epochs == 40


def test_more_ranks_share_an_epoch():
    one, three = plan_for(same_cases((64, 64, 64))), plan_for(same_cases((64, 64, 64)), ranks=3)
    assert three.steps_per_epoch == math.ceil(one.steps_per_epoch / 3)
    assert three.global_batch_size == 3 * three.batch_size
