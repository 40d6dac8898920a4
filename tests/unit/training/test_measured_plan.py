"""A plan is measured before it is used, and made again where it takes more than estimated."""

import math
import random
from pathlib import Path

import pytest
from support.fingerprints import TARGET, same_cases

from unet.planning.network import NetworkSpec
from unet.planning.plan import Measured, StepShape
from unet.planning.planner import make_plan
from unet.planning.settings import TrainSettings
from unet.system.errors import MemoryShortError
from unet.system.machine import Machine, this_machine
from unet.training import measured_plan
from unet.training.trial_step import PATIENCE, measure, trial_shape

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
        cpu = plan.step_seconds * plan.threads / 10
        return plan.model_copy(update={"step_seconds": cpu, "cpu_seconds": cpu})

    slow = fitting_with(monkeypatch, lambda plan, *_: plan, time_budget=600.0)
    fast = fitting_with(monkeypatch, ten_times_as_fast, time_budget=600.0)
    assert math.prod(fast.patch_size) * fast.batch_size > math.prod(slow.patch_size) * (
        slow.batch_size
    )
    assert fast.recipe.spacing is None or min(fast.recipe.spacing) < min(slow.recipe.spacing)


def fitting_with(monkeypatch, refine, **settings):
    monkeypatch.setattr(measured_plan, "refine", refine)
    return fitting(config(**settings))


def on_a_busy_machine(rng):
    """Trials as a machine takes them that does other things: a wall clock of no worth."""

    def measure(shape, *_):
        voxels = shape.batch_size * math.prod(shape.patch_size)
        cpu = voxels / 1.1e6 * {"bfloat16": 1.0, "float32": 1.5}[shape.precision]
        cpu *= rng.uniform(1.0, 1.12)  # of caches that are shared
        wall = cpu / shape.threads * rng.uniform(1.0, 8.0)
        peak = int(1e9 * rng.uniform(0.95, 1.05))
        return Measured(step_seconds=wall, cpu_seconds=cpu, peak_bytes=peak)

    return measure


@pytest.mark.parametrize("budget", [25.0, 90.0, 300.0, 1200.0, 7200.0])
def test_what_else_the_machine_does_changes_nothing_but_the_number_of_epochs(monkeypatch, budget):
    plans, epochs = set(), set()
    machine = Machine(cores=2, memory_bytes=8 * 2**30, bfloat16=True)
    for seed in range(12):
        monkeypatch.setattr(measured_plan, "measure", on_a_busy_machine(random.Random(seed)))
        asked = config(time_budget=budget)
        made = measured_plan.fitting_plan(asked, PRINTS, TARGET, CASES, 1, machine)
        follows_the_clock = {"epochs", "step_seconds", "cpu_seconds", "epoch_seconds"}
        told = {"memory_bytes", "reasons"}
        plans.add(made.model_dump_json(exclude=follows_the_clock | told))
        epochs.add(made.epochs)
    assert len(plans) == 1
    assert len(epochs) > 1 or budget < measured_plan.SHORTEST_MEASURED


def test_a_short_budget_is_spent_on_steps_and_not_on_trials(monkeypatch):
    def measured(*_):
        raise AssertionError("a trial step was taken")

    monkeypatch.setattr(measured_plan, "measure", measured)
    made = fitting(config(time_budget=25.0))
    assert not made.measured
    assert any(reason.startswith("not measured: ") for reason in made.reasons)
    assert any(reason.startswith("25s buy about ") for reason in made.reasons)


def test_a_trial_may_take_a_tenth_of_the_budget(monkeypatch):
    patience = []

    def measured(shape, memory, seconds):
        patience.append(seconds)

    monkeypatch.setattr(measured_plan, "measure", measured)
    fitting(config(time_budget=300.0, precision="float32"))
    fitting(config(precision="float32"))
    assert patience == [30.0, PATIENCE]


def test_peaks_of_memory_that_differ_a_little_lead_to_one_plan(monkeypatch):
    sizes = set()
    for excess in (1.32, 1.35, 1.38):

        def too_much(plan, *_, excess=excess):
            return plan.model_copy(update={"memory_bytes": int(excess * plan.memory_bytes)})

        monkeypatch.setattr(measured_plan, "refine", too_much)
        sizes.add(fitting(config(patch_size=None)).patch_size)
    assert len(sizes) == 1


def test_precision_is_chosen_by_cpu_time_whatever_else_the_machine_does(monkeypatch):
    taken = {"bfloat16": (1.0, 1.6), "float32": (2.0, 0.9)}  # wall, CPU seconds

    def measured(shape, *_):
        wall, cpu = taken[shape.precision]
        return Measured(step_seconds=wall, cpu_seconds=cpu, peak_bytes=10**9)

    monkeypatch.setattr(measured_plan, "measure", measured)
    has_both = this_machine().model_copy(update={"bfloat16": True})
    plan = make_plan(PRINTS, TARGET, config(), has_both, CASES)
    assert plan.precision == "bfloat16"
    assert measured_plan.refine(plan, config(), PRINTS).precision == "float32"


@pytest.mark.parametrize("killed", [True, False])
def test_float32_that_does_not_fit_leaves_bfloat16_however_fast_it_is(monkeypatch, killed):
    def measured(shape, *_):
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
