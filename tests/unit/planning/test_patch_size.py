"""A patch is as large as memory and time allow, and suits its strides."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fingerprints import GIB, plan_for, same_cases

from unet.planning.grid import UNCHANGED, Grid
from unet.planning.network import divisor_of, strides_for
from unet.planning.patch_size import fit_patch, given_patch
from unet.system.errors import MemoryShortError, UsageError


def test_a_small_case_is_one_patch_with_little_cut_off_or_padded():
    made = plan_for(same_cases((35, 50, 36)))
    near = [d / 2 for d in made.network.divisor]
    assert all(
        abs(p - n) <= most for p, n, most in zip(made.patch_size, (35, 50, 36), near, strict=True)
    )


def test_a_single_slice_is_not_padded():
    assert plan_for(same_cases((64, 64, 1))).patch_size[2] == 1


@pytest.mark.parametrize(
    ("given", "taken", "levels"),
    [
        ((90, 90, 90), (96, 96, 96), 5),
        ((100, 100, 100), (96, 96, 96), 5),
        ((96, 96, 96), (96, 96, 96), 5),
        ((17, 17, 17), (16, 16, 16), 3),
        ((90, 90, 7), (96, 96, 7), 5),  # a thin axis is not halved, and so takes any size
        ((90, 90, 1), (96, 96, 1), 5),
        ((1, 90, 90), (1, 96, 96), 5),
    ],
)
def test_a_given_patch_is_rounded_to_what_the_full_network_takes(given, taken, levels):
    made = plan_for(same_cases((128, 128, 128)), patch_size=given)
    assert made.patch_size == taken
    assert len(made.network.filters) == levels
    said = next(reason for reason in made.reasons if reason.startswith("patch "))
    assert f"{levels} levels" in said
    assert ("not " + "x".join(map(str, given)) in said) == (given != taken)


@given(st.tuples(*[st.integers(1, 200)] * 3), st.tuples(*[st.floats(0.2, 8.0)] * 3))
def test_rounding_a_patch_costs_no_level(size, width):
    full = strides_for(size, width)
    if full:
        made = given_patch(size, Grid(None, UNCHANGED, width, ((200, 200, 200),))).value
        assert made.strides == full
        for given, taken, divisor in zip(size, made.size, divisor_of(full), strict=True):
            assert taken % divisor == 0
            assert abs(given - taken) <= max(divisor / 2, divisor - given)


def test_a_given_patch_that_cannot_be_halved_is_refused():
    with pytest.raises(UsageError, match="7,7,7 cannot be halved along any axis; give 8 or more"):
        plan_for(same_cases((64, 64, 64)), patch_size=(7, 7, 7))


def test_a_given_patch_larger_than_any_case_is_taken_and_said_to_be_padded():
    made = plan_for(same_cases((35, 50, 36)), patch_size=(64, 64, 64))
    assert made.patch_size == (64, 64, 64)
    assert "no case is longer than 35x50x36 voxels: the rest is padding" in made.reasons


def test_less_memory_gives_a_smaller_patch_and_never_exceeds_the_limit():
    voxels = []
    for memory in (16 * GIB, 4 * GIB, 2 * GIB):
        made = plan_for(same_cases((240, 240, 155)), memory)
        assert made.memory_bytes <= memory
        voxels.append(math.prod(made.patch_size) * made.batch_size)
    assert voxels[0] > voxels[1] > voxels[2]


def test_too_little_memory_is_an_error_not_a_tiny_patch():
    with pytest.raises(MemoryShortError, match="GiB"):
        plan_for(same_cases((240, 240, 155)), memory=GIB // 2)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(1, 512)] * 3),
    st.tuples(*[st.floats(0.2, 8.0)] * 3),
    st.floats(16.0**3, 128.0**3),
)
def test_every_patch_is_a_multiple_of_its_strides_and_within_its_voxels(shape, spacing, voxels):
    patch = fit_patch(shape, spacing, voxels)
    for axis in range(3):
        assert patch.size[axis] % math.prod(stride[axis] for stride in patch.strides) == 0
    assert math.prod(patch.size) == patch.voxels
    assert patch.voxels <= voxels or max(patch.size) <= 16
