"""The course's own sizes are kept where they can be had, and given ones always."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fingerprints import GIB, plan_for, same_cases

from unet.planning.course_sizes import BATCH, DIVISOR, PATCH, course_size, course_steps
from unet.system.errors import UsageError

BRAIN = ((240, 240, 155), (138, 169, 138))


def size(shapes=BRAIN, patch=None, batch=None, room=math.inf):
    decision = course_size(shapes, patch, batch, lambda voxels: voxels <= room)
    return *decision.value, list(decision.reasons)


def test_with_room_the_courses_sizes_are_kept_without_a_word():
    assert size() == ((PATCH,) * 3, BATCH, [])


def test_a_batch_that_does_not_fit_at_once_is_kept_for_it_is_computed_in_slices():
    assert size(room=PATCH**3) == ((PATCH,) * 3, BATCH, [])


def test_a_patch_that_alone_does_not_fit_gives_way_and_says_so():
    patch, batch, reasons = size(room=100**3)
    assert (patch, batch, len(reasons)) == ((96, 96, 96), BATCH, 1)


def test_what_was_given_is_obeyed_whether_it_fits_or_not():
    assert size(patch=(144, 144, 144), batch=8, room=1) == ((144, 144, 144), 8, [])
    patch, batch, _ = size(batch=4, room=64**3)
    assert (patch, batch) == ((64, 64, 64), 4)


def test_a_given_side_that_no_five_levels_suit_is_refused_with_the_next_one():
    with pytest.raises(UsageError, match="40 is no multiple of 16; give 32"):
        size(patch=(16, 40, 16))


@given(
    st.lists(st.tuples(*[st.integers(1, 300)] * 3), min_size=1, max_size=4),
    st.integers(DIVISOR**3, 8 * PATCH**3),
)
def test_a_planned_size_fits_suits_the_network_and_pads_no_more_than_it_must(shapes, room):
    patch, batch, _ = size(shapes, room=room)
    assert batch == BATCH
    assert math.prod(patch) <= room
    for axis, side in enumerate(patch):
        assert side % DIVISOR == 0
        assert side < max(shape[axis] for shape in shapes) + DIVISOR


def test_an_epoch_takes_each_case_once_and_three_steps_at_least():
    assert course_steps(411, batch=8, ranks=1) == 51
    assert course_steps(411, batch=4, ranks=3) == 34
    assert course_steps(6, batch=8, ranks=1) == 3


def test_the_course_network_keeps_the_course_patch():
    made = plan_for(same_cases((240, 240, 155)), 64 * GIB, network="course")
    assert (made.patch_size, made.batch_size) == ((144, 144, 144), 8)
    assert made.network.filters == (16, 32, 64, 128, 256)
    with pytest.raises(UsageError, match="multiple of 16"):
        plan_for(same_cases((240, 240, 155)), network="course", patch_size=(100, 96, 96))


def test_the_courses_own_size_fits_into_sixteen_gib():
    made = plan_for(same_cases((240, 240, 155)), 16 * GIB, network="course")
    assert (made.patch_size, made.batch_size) == ((144, 144, 144), 8)
    assert made.memory_bytes <= 16 * GIB
