"""What a time budget leaves for steps follows from facts; what it buys is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fingerprints import same_cases

from unet.planning.spending import (
    START_SECONDS,
    STEPS_TO_LEARN,
    seconds_of_steps,
    trivial_dice,
    wanted_steps,
    what_is_bought,
)

SMALL, LARGE = same_cases((35, 50, 36)).cases, same_cases((512, 512, 300), cases=100).cases


def test_starting_and_reading_are_paid_before_steps():
    assert seconds_of_steps(600, SMALL, 1) < 0.85 * (600 - START_SECONDS)
    assert seconds_of_steps(600, LARGE, 1) < 0.1 * seconds_of_steps(600, SMALL, 1) + 60
    assert seconds_of_steps(3600, LARGE, 4) > seconds_of_steps(3600, LARGE, 1)


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_a_larger_budget_leaves_more_and_every_budget_something(one, other):
    less, more = sorted((one, other))
    assert 0 < seconds_of_steps(less, LARGE, 1) <= seconds_of_steps(more, LARGE, 1) < more


def test_every_case_is_wanted_once_and_no_model_learns_in_fewer_steps():
    assert wanted_steps(20, 2) == STEPS_TO_LEARN
    assert wanted_steps(10_001, 2) == 5001


def test_what_is_not_enough_is_said_with_what_would_be():
    assert what_is_bought(1200, 4000, 300) == "20m00s buy about 4000 steps"
    assert what_is_bought(25, 40, 300) == (
        "25s buy about 40 steps; about 300 are needed for a model of use"
    )


def test_marking_everything_scores_by_the_share_that_a_region_fills():
    print_ = same_cases((10, 10, 10))  # 100 voxels of 1,000 are labelled
    assert trivial_dice(print_, [(1,)]) == pytest.approx(0.2 / 1.1)
    assert trivial_dice(print_, [(2,)]) == 0.0
