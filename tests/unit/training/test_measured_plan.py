"""A plan is measured before it is used, and made again where it takes more than estimated."""

import math
from pathlib import Path

import pytest
from support.fingerprints import TARGET, same_cases

from unet.planning.network import NetworkSpec
from unet.planning.plan import Measured, StepShape
from unet.planning.planner import make_plan
from unet.planning.settings import TrainSettings
from unet.system.errors import MemoryShortError
from unet.system.machine import this_machine
from unet.training import measured_plan
from unet.training.trial_step import measure, trial_shape

PRINTS = same_cases((240, 240, 155))
CASES = [case.case for case in PRINTS.cases]


def fitting(config: TrainSettings):
    return measured_plan.fitting_plan(config, PRINTS, TARGET, CASES, 1, this_machine())


def config(**settings) -> TrainSettings:
    return TrainSettings(data_path=Path("d"), output=Path("o"), **settings)


def test_a_plan_that_needs_more_than_estimated_is_made_smaller_until_it_fits(monkeypatch):
    def three_times_as_much(plan, *_):
        return plan.model_copy(update={"memory_bytes": 3 * plan.memory_bytes})

    monkeypatch.setattr(measured_plan, "refine", three_times_as_much)
    made = fitting(config(patch_size=(144, 144, 144), batch_size=8))
    assert made.memory_bytes <= made.memory_limit_bytes == this_machine().memory_bytes
    assert made.batch_size == 8


def test_a_trial_step_killed_for_memory_makes_the_plan_smaller(monkeypatch):
    tried = []

    def killed_twice(plan, *_):
        tried.append(plan.memory_bytes)
        if len(tried) < 3:
            raise MemoryShortError("planning", "killed", "more")
        return plan

    monkeypatch.setattr(measured_plan, "refine", killed_twice)
    fitting(config())
    assert tried == sorted(tried, reverse=True)
    assert tried[0] > tried[-1]


def test_where_nothing_fits_the_error_names_memory_and_remedy(monkeypatch):
    def killed(*_):
        raise MemoryShortError("planning", "killed", "more")

    monkeypatch.setattr(measured_plan, "refine", killed)
    with pytest.raises(MemoryShortError, match="give this process more"):
        fitting(config())


def test_a_trial_takes_two_slices_at_most_and_a_step_counts_all():
    shape = StepShape(
        network=NetworkSpec(channels=1, outputs=1, filters=(4, 8), strides=((2, 2, 2),)),
        patch_size=(16, 16, 16),
        batch_size=8,
        micro_batch=2,
        activation="sigmoid",
        threads=1,
        precision="float32",
    )
    assert trial_shape(shape).batch_size == 4
    found = measure(trial_shape(shape), 8 * 2**30)
    assert found is not None
    assert found.step_seconds > 0
    assert found.peak_bytes > 100e6


def test_a_trial_that_needs_more_than_it_may_take_ends_alone_and_is_said_to():
    shape = StepShape(
        network=NetworkSpec(channels=1, outputs=1, filters=(64, 8), strides=((2, 2, 2),)),
        patch_size=(96, 96, 96),
        batch_size=2,
        activation="sigmoid",
        threads=1,
        precision="float32",
    )
    with pytest.raises(MemoryShortError, match="lack of memory"):
        measure(shape, 2**30)


def test_a_faster_machine_than_thought_gets_a_plan_for_its_own_speed(monkeypatch):
    def ten_times_as_fast(plan, *_):
        return plan.model_copy(update={"step_seconds": plan.step_seconds / 10})

    slow = fitting_with(monkeypatch, lambda plan, *_: plan, time_budget=600.0)
    fast = fitting_with(monkeypatch, ten_times_as_fast, time_budget=600.0)
    assert math.prod(fast.patch_size) * fast.batch_size > math.prod(slow.patch_size) * (
        slow.batch_size
    )
    assert fast.recipe.spacing is None or min(fast.recipe.spacing) < min(slow.recipe.spacing)


def fitting_with(monkeypatch, refine, **settings):
    monkeypatch.setattr(measured_plan, "refine", refine)
    return fitting(config(**settings))


def test_precision_is_chosen_by_cpu_time_whatever_else_the_machine_does(monkeypatch):
    taken = {"bfloat16": (1.0, 1.6), "float32": (2.0, 0.9)}  # wall, CPU seconds

    def measured(shape, _):
        wall, cpu = taken[shape.precision]
        return Measured(step_seconds=wall, cpu_seconds=cpu, peak_bytes=10**9)

    monkeypatch.setattr(measured_plan, "measure", measured)
    has_both = this_machine().model_copy(update={"bfloat16": True})
    plan = make_plan(PRINTS, TARGET, config(), has_both, CASES)
    assert plan.precision == "bfloat16"
    assert measured_plan.refine(plan, config(), PRINTS).precision == "float32"


@pytest.mark.parametrize("killed", [True, False])
def test_float32_that_does_not_fit_leaves_bfloat16_however_fast_it_is(monkeypatch, killed):
    def measured(shape, _):
        if shape.precision == "bfloat16":
            return Measured(step_seconds=1.0, cpu_seconds=1.0, peak_bytes=10**9)
        if killed:
            raise MemoryShortError("planning", "killed", "more")
        return Measured(step_seconds=0.5, cpu_seconds=0.5, peak_bytes=this_machine().memory_bytes)

    monkeypatch.setattr(measured_plan, "measure", measured)
    has_both = this_machine().model_copy(update={"bfloat16": True})
    plan = make_plan(PRINTS, TARGET, config(), has_both, CASES)
    assert measured_plan.refine(plan, config(), PRINTS).precision == "bfloat16"


def test_batches_that_cannot_be_made_ahead_are_refused_without_a_trial(monkeypatch):
    def measured(*_):
        raise AssertionError("a trial step was taken")

    monkeypatch.setattr(measured_plan, "measure", measured)
    with pytest.raises(MemoryShortError, match="--batch-size"):
        fitting(config(patch_size=(64, 64, 64), batch_size=100000))
