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
)


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
