"""Learning rate and averaged weights over the course of a training."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from support.balls import make_about

from unet.planning.network import course_spec
from unet.training.ema import DECAY, Ema
from unet.training.learning_rate import (
    FLOOR,
    LARGEST_FACTOR,
    WARM_UP,
    peak_for_ranks,
    peak_rate,
    rate_at,
    rate_of_step,
)
from unet.training.position import Position


def test_rate_rises_to_the_peak_and_falls_along_half_a_cosine():
    assert rate_at(2.0, WARM_UP / 2) == pytest.approx(1.0)
    assert rate_at(2.0, WARM_UP) == pytest.approx(2.0)
    assert rate_at(2.0, (1 + WARM_UP) / 2) == pytest.approx(2.0 * (1 + FLOOR) / 2)
    assert rate_at(2.0, 1.0) == pytest.approx(2.0 * FLOOR)
    assert rate_at(2.0, 1.5) == pytest.approx(2.0 * FLOOR)


@given(st.floats(0, 1), st.floats(0, 1))
def test_rate_is_positive_never_above_the_peak_and_monotonous_after_the_warm_up(one, other):
    low, high = sorted((one, other))
    assert 0 < rate_at(1.0, low) <= 1
    if low >= WARM_UP:
        assert rate_at(1.0, low) >= rate_at(1.0, high)


def position(**fields):
    known = {"epoch": 0, "step": 0, "global_step": 0, "steps_per_epoch": 10, "epochs": 20}
    ranks = {"ranks": 1, "batch_size": 1, "threads": 1}
    return Position.model_validate(known | ranks | fields)


def test_a_run_that_goes_on_rises_from_where_it_stood_to_the_longer_cosine():
    done = position(epoch=20)
    longer = done.with_epochs(120)
    assert rate_of_step(2.0, longer) == pytest.approx(rate_of_step(2.0, done)) == 2.0 * FLOOR
    on_its_way = longer.model_copy(update={"epoch": 22})
    plain = on_its_way.model_copy(update={"extended_at": None})
    assert 2.0 * FLOOR < rate_of_step(2.0, on_its_way) < rate_of_step(2.0, plain)
    for epoch in (24, 60, 119):  # 4 % of the 100 epochs to come
        later = longer.model_copy(update={"epoch": epoch})
        assert rate_of_step(2.0, later) == pytest.approx(rate_at(2.0, epoch / 120))


def test_a_run_that_is_not_done_changes_its_length_without_a_new_rise():
    assert position(epoch=3).with_epochs(40).extended_at is None
    assert position().with_epochs(40).extended_at is None
    assert position(epoch=20).with_epochs(20).extended_at is None


def test_peak_grows_with_the_root_of_the_global_batch_up_to_a_factor():
    assert peak_rate(1.0, 8) == 1.0
    assert peak_rate(1.0, 2) == 0.5
    assert peak_rate(1.0, 16) == pytest.approx(2**0.5)
    assert peak_rate(1.0, 4096) == LARGEST_FACTOR


def test_average_follows_quickly_at_first_and_slowly_later():
    weight = tf.Variable([0.0])
    ema = Ema([weight])
    expected = 0.0
    for step in range(1, 30):
        weight.assign([float(step)])
        ema.update([weight])
        decay = min(DECAY, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        np.testing.assert_allclose(ema.shadow[0], [expected], rtol=1e-5)
    ema.updates.assign(1e6)
    before = float(ema.shadow[0][0])
    ema.update([weight])
    assert float(ema.shadow[0][0]) == pytest.approx(before + (1 - DECAY) * (29 - before), rel=1e-5)


def test_more_ranks_raise_the_planned_peak_and_leave_the_courses_as_given():
    plan = make_about().plan.model_copy(update={"batch_size": 2, "learning_rate": 1e-3})
    alone, many = (plan.model_copy(update={"ranks": ranks}) for ranks in (4, 8))
    assert peak_for_ranks(alone) == pytest.approx(1e-3)
    assert peak_for_ranks(many) == pytest.approx(1e-3 * 2**0.5)
    course = many.model_copy(update={"network": course_spec(1, 1, 4, upsampling=False)})
    assert peak_for_ranks(course) == 1e-3
