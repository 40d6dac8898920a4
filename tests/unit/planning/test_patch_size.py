"""A patch is as large as memory and time allow, and suits its strides."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fingerprints import GIB, plan_for, same_cases

from unet.planning.patch_size import fit_patch
from unet.system.errors import MemoryShortError, UsageError


def test_a_small_case_is_one_patch_with_little_cut_off_or_padded():
    made = plan_for(same_cases((35, 50, 36)))
    near = [d / 2 for d in made.network.divisor]
    assert all(
        abs(p - n) <= most for p, n, most in zip(made.patch_size, (35, 50, 36), near, strict=True)
    )


def test_a_single_slice_is_not_padded():
    assert plan_for(same_cases((64, 64, 1))).patch_size[2] == 1


def test_a_given_patch_that_cannot_be_halved_is_refused():
    with pytest.raises(UsageError, match="17,17,17 cannot be halved"):
        plan_for(same_cases((64, 64, 64)), patch_size=(17, 17, 17))


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
