"""The plan follows from fingerprint, memory, cores and deadline, and says why."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet.data.regions import Region, Target
from unet.planning.fingerprint import CaseFacts, ChannelFacts, Fingerprint
from unet.planning.patch import coarsen, fit_patch, grid_shape, strides_for
from unet.planning.plan import LARGEST_BATCH, make_plan
from unet.planning.settings import TrainConfig
from unet.system.errors import MemoryShortError, UsageError
from unet.system.machine import Machine

GIB = 2**30
TARGET = Target(regions=(Region(name="tumour", labels=(1,)),), exclusive=False)


def fingerprint(shape, spacing=(1.0, 1.0, 1.0), cases=20):
    channel = ChannelFacts(percentiles=(0,) * 7)
    facts = tuple(
        CaseFacts(
            case=f"case{i}",
            shape=shape,
            cropped_shape=shape,
            spacing=spacing,
            body_fraction=1.0,
            channels=(channel,),
            label_voxels={1: 100},
        )
        for i in range(cases)
    )
    return Fingerprint(
        dataset="Test",
        channels=(0,),
        channel_names=("FLAIR",),
        is_ct=(False,),
        labels={1: "tumour"},
        cases=facts,
    )


def plan(prints, memory=16 * GIB, cores=4, bfloat16=False, ranks=1, **settings):
    config = TrainConfig(data_path=Path("d"), output=Path("o"), **settings)
    machine = Machine(cores=cores, memory_bytes=memory, bfloat16=bfloat16)
    return make_plan(prints, TARGET, config, machine, [c.case for c in prints.cases], ranks)


def test_a_small_case_is_one_patch_with_little_cut_off_or_padded():
    made = plan(fingerprint((35, 50, 36)))
    near = [d / 2 for d in made.network.divisor]
    assert all(
        abs(p - n) <= most for p, n, most in zip(made.patch_size, (35, 50, 36), near, strict=True)
    )


def test_a_single_slice_is_not_padded():
    assert plan(fingerprint((64, 64, 1))).patch_size[2] == 1


def test_a_given_patch_that_cannot_be_halved_is_refused():
    with pytest.raises(UsageError, match="17,17,17 cannot be halved"):
        plan(fingerprint((64, 64, 64)), patch_size=(17, 17, 17))


def test_more_time_buys_more_steps_before_larger_batches():
    short, long, longest = (
        plan(fingerprint((35, 50, 36)), time_budget=60.0 * minutes) for minutes in (5, 20, 600)
    )
    assert short.batch_size == 1
    assert long.epochs * long.steps_per_epoch > short.epochs * short.steps_per_epoch
    assert longest.batch_size == LARGEST_BATCH


def test_less_memory_gives_a_smaller_patch_and_never_exceeds_the_limit():
    voxels = []
    for memory in (16 * GIB, 4 * GIB, 2 * GIB):
        made = plan(fingerprint((240, 240, 155)), memory)
        assert made.memory_bytes <= memory
        voxels.append(math.prod(made.patch_size) * made.batch_size)
    assert voxels[0] > voxels[1] > voxels[2]


def test_too_little_memory_is_an_error_not_a_tiny_patch():
    with pytest.raises(MemoryShortError, match="GiB"):
        plan(fingerprint((240, 240, 155)), memory=GIB // 2)


def test_a_given_patch_that_does_not_fit_is_refused_by_name():
    with pytest.raises(MemoryShortError, match="--patch-size"):
        plan(fingerprint((240, 240, 155)), 4 * GIB, patch_size=(192, 192, 160), batch_size=4)


def test_a_thick_slice_axis_is_not_halved_before_the_others_match_it():
    strides = strides_for((128, 128, 32), (1.0, 1.0, 4.0))
    assert strides[:2] == ((2, 2, 1), (2, 2, 1))
    assert strides[2] == (2, 2, 2)


def test_a_short_deadline_makes_the_grid_coarser_and_a_long_one_does_not():
    prints = fingerprint((140, 170, 140), cases=17)
    short, long = plan(prints, time_budget=600.0), plan(prints, time_budget=360000.0)
    assert short.recipe.spacing is not None
    assert min(short.recipe.spacing) > 1.2
    assert max(short.recipe.spacing) <= 2.01
    assert long.recipe.spacing is None


def test_unknown_spacing_shrinks_in_voxels_and_names_no_millimetres():
    made = plan(fingerprint((256, 256, 30), spacing=None), time_budget=2400.0)
    assert made.recipe.spacing is None
    assert made.recipe.shrink[0] > 1
    assert made.recipe.shrink[2] == 1  # few thick slices: already the coarsest axis


def test_a_deadline_is_filled_but_not_exceeded():
    made = plan(fingerprint((64, 64, 64)), time_budget=1200.0)
    assert 0.6 * 1200 < made.epochs * made.epoch_seconds <= 1200
    assert made.epochs >= 15


def test_epochs_default_to_the_course():
    assert plan(fingerprint((64, 64, 64))).epochs == 40


def test_explicit_settings_are_obeyed():
    made = plan(
        fingerprint((64, 64, 64)),
        epochs=3,
        batch_size=1,
        patch_size=(32, 32, 32),
        filters=8,
        learning_rate=0.5,
        threads=1,
        precision="float32",
        steps_per_epoch=7,
        time_budget=60.0,
    )
    assert (made.epochs, made.batch_size, made.patch_size) == (3, 1, (32, 32, 32))
    assert (made.network.filters[0], made.learning_rate, made.threads) == (8, 0.5, 1)
    assert made.steps_per_epoch == 7


def test_bfloat16_only_where_the_cpu_has_it():
    assert plan(fingerprint((64, 64, 64)), bfloat16=True).precision == "bfloat16"
    assert plan(fingerprint((64, 64, 64)), bfloat16=False).precision == "float32"


def test_the_course_network_keeps_the_course_patch():
    made = plan(fingerprint((240, 240, 155)), 64 * GIB, network="course")
    assert (made.patch_size, made.batch_size) == ((144, 144, 144), 8)
    assert made.network.filters == (16, 32, 64, 128, 256)
    with pytest.raises(UsageError, match="multiple of 16"):
        plan(fingerprint((240, 240, 155)), network="course", patch_size=(100, 96, 96))


def test_more_ranks_share_an_epoch():
    one, three = plan(fingerprint((64, 64, 64))), plan(fingerprint((64, 64, 64)), ranks=3)
    assert three.steps_per_epoch == math.ceil(one.steps_per_epoch / 3)
    assert three.global_batch_size == 3 * three.batch_size


def test_many_cores_are_advised_to_be_shared_by_ranks():
    few, many = plan(fingerprint((64, 64, 64)), cores=8), plan(fingerprint((64, 64, 64)), cores=32)
    assert (few.ranks_per_node, many.ranks_per_node) == (1, 4)
    assert any("--ranks 4" in reason for reason in many.reasons)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(1, 512)] * 3),
    st.tuples(*[st.floats(0.2, 8.0)] * 3),
    st.floats(16.0**3, 128.0**3),
)
def test_every_patch_is_a_multiple_of_its_strides_and_within_its_voxels(shape, spacing, voxels):
    patch, strides = fit_patch(shape, spacing, voxels)
    for axis in range(3):
        assert patch[axis] % math.prod(stride[axis] for stride in strides) == 0
    assert math.prod(patch) <= voxels or max(patch) <= 16


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(8, 300)] * 3), min_size=1, max_size=5),
    st.tuples(*[st.floats(0.2, 8.0)] * 3),
    st.floats(1e3, 1e8),
)
def test_coarsening_reaches_the_wanted_voxels_or_its_limit(shapes, spacing, voxels):
    factors = coarsen(shapes, spacing, voxels)
    assert all(1 <= factor <= 2.01 for factor in factors)
    total = sum(math.prod(grid_shape(shape, factors)) for shape in shapes)
    assert total <= voxels or min(factors) > 1.9


def test_a_given_batch_that_does_not_fit_at_once_is_computed_in_slices():
    made = plan(fingerprint((144, 144, 144)), 8 * GIB, patch_size=(96, 96, 96), batch_size=12)
    assert made.batch_size == 12
    assert made.micro_batch is not None
    assert 12 % made.micro_batch == 0
    assert made.memory_bytes <= 8 * GIB
    assert any("at a time" in reason for reason in made.reasons)


def test_recompute_computes_one_patch_at_a_time_and_needs_less_memory():
    prints = fingerprint((64, 64, 64))
    usual, less = plan(prints, batch_size=4), plan(prints, batch_size=4, recompute=True)
    assert (usual.micro_batch, less.micro_batch) == (None, 1)
    assert less.memory_bytes < usual.memory_bytes


def test_the_courses_own_size_fits_into_sixteen_gib():
    made = plan(fingerprint((240, 240, 155)), 16 * GIB, network="course")
    assert (made.patch_size, made.batch_size) == ((144, 144, 144), 8)
    assert made.memory_bytes <= 16 * GIB
