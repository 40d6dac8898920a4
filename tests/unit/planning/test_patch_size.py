"""A patch is as large as memory and time allow, and suits its strides."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fingerprints import GIB, plan_for, same_cases

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


@pytest.mark.parametrize("edge", [7, 1])
def test_a_given_patch_that_is_too_small_to_be_halved_is_refused(edge):
    with pytest.raises(UsageError, match=f"{edge},{edge},{edge} is too small to be halved"):
        plan_for(same_cases((64, 64, 64)), patch_size=(edge,) * 3)


@pytest.mark.parametrize(
    ("given_size", "taken"),
    [
        ((96, 96, 96), (96, 96, 96)),
        ((90, 90, 90), (96, 96, 96)),
        ((100, 100, 100), (112, 112, 112)),
        ((17, 33, 64), (20, 40, 64)),
        ((64, 64, 1), (64, 64, 1)),
        ((64, 64, 3), (64, 64, 3)),
        ((8, 8, 8), (8, 8, 8)),
        ((90, 90, 7), (96, 96, 7)),  # a thin axis is not halved, and so takes any size
        ((1, 90, 90), (1, 96, 96)),
    ],
)
def test_a_given_patch_is_rounded_up_and_never_costs_a_level(given_size, taken):
    made = plan_for(same_cases((140, 140, 140)), patch_size=given_size)
    assert made.patch_size == taken
    exact = plan_for(same_cases((140, 140, 140)), patch_size=taken)
    assert made.network == exact.network
    told = f"patch {'x'.join(map(str, given_size))} rounded up to {'x'.join(map(str, taken))}"
    assert any(reason.startswith(told) for reason in made.reasons) == (given_size != taken)


def test_a_given_patch_larger_than_any_case_is_taken_and_said_to_be_padded():
    made = plan_for(same_cases((35, 50, 36)), patch_size=(64, 64, 64))
    assert made.patch_size == (64, 64, 64)
    assert "no case is longer than 35x50x36 voxels, the rest is padding" in made.reasons


@given(st.tuples(*[st.integers(1, 200)] * 3), st.tuples(*[st.floats(0.2, 8.0)] * 3))
def test_rounding_costs_no_level(size, width):
    full = strides_for(size, width)
    if full:
        assert strides_for(given_patch(size, width).size, width) == full


def test_ninety_voxels_get_the_five_levels_of_ninety_six():
    made = plan_for(same_cases((140, 140, 140)), patch_size=(90, 90, 90))
    assert len(made.network.strides) == 4


@given(st.tuples(*[st.integers(1, 200)] * 3))
@settings(max_examples=60, deadline=None)
def test_any_given_patch_holds_what_was_asked_for(size):
    try:
        patch = given_patch(size, (1.0, 1.0, 1.0))
    except UsageError:
        assert max(size) < 8 or math.prod(size) <= 4**3
        return
    pairs = zip(size, patch.size, divisor_of(patch.strides), strict=True)
    assert all(asked <= got < asked + d and got % d == 0 for asked, got, d in pairs)


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
