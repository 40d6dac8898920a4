"""Batches grow with the time, and are computed in slices where memory is short."""

from support.fingerprints import GIB, plan_for, same_cases

from unet.planning.batch_size import LARGEST_BATCH, choose_micro_batch


def test_more_time_buys_more_steps_before_larger_batches():
    short, long, longest = (
        plan_for(same_cases((35, 50, 36)), time_budget=60.0 * minutes) for minutes in (5, 20, 600)
    )
    assert short.batch_size == 1
    assert long.epochs * long.steps_per_epoch > short.epochs * short.steps_per_epoch
    assert longest.batch_size == LARGEST_BATCH


def test_a_given_batch_that_does_not_fit_at_once_is_computed_in_slices():
    made = plan_for(same_cases((144, 144, 144)), 8 * GIB, patch_size=(96, 96, 96), batch_size=12)
    assert made.batch_size == 12
    assert made.micro_batch is not None
    assert 12 % made.micro_batch == 0
    assert made.memory_bytes <= 8 * GIB
    assert any("at a time" in reason for reason in made.reasons)


def test_recompute_computes_one_patch_at_a_time_and_needs_less_memory():
    prints = same_cases((64, 64, 64))
    usual, less = plan_for(prints, batch_size=4), plan_for(prints, batch_size=4, recompute=True)
    assert (usual.micro_batch, less.micro_batch) == (None, 1)
    assert less.memory_bytes < usual.memory_bytes


def test_slices_are_the_largest_divisor_of_the_batch_that_fits():
    assert choose_micro_batch(12, False, lambda patches: patches <= 5).value == 4
    assert choose_micro_batch(7, False, lambda patches: patches <= 5).value == 1
    assert choose_micro_batch(4, False, lambda _: True).reasons == ()
