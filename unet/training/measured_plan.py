"""A plan that fits: its estimates of time and memory replaced by what a trial step takes.

Memory that is short makes the next plan smaller; with a time budget, a speed that surprises makes
it one for the machine as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from unet.data.regions import Target
from unet.planning.fingerprint import Fingerprint
from unet.planning.memory import LARGEST_SHARE, MEMORY_SHARE
from unet.planning.plan import Measured, Plan
from unet.planning.planner import make_plan
from unet.planning.settings import TrainSettings
from unet.system.cgroup import memory_available_bytes
from unet.system.errors import MemoryShortError
from unet.system.machine import Machine
from unet.training.feed import PREFETCH
from unet.training.trial_step import PATIENCE, measure, trial_shape

PLANNING_ROUNDS = 4
AS_EXPECTED = (0.8, 1.25)  # measured over assumed speed; beyond it the plan is made anew


def fitting_plan(
    config: TrainSettings,
    fingerprint: Fingerprint,
    target: Target,
    training: Sequence[str],
    ranks: int,
    machine: Machine,
) -> Plan:
    """Plans, measures, and plans again where memory or, with a time budget, speed surprise.

    Args:
        training: ids of the training cases.
        machine: what each rank has.

    Raises:
        MemoryShortError: none of the plans tried fits.
    """
    allowed: float = machine.memory_bytes
    for _ in range(PLANNING_ROUNDS):
        assumed = machine.model_copy(update={"memory_bytes": int(allowed)})
        plan = make_plan(fingerprint, target, config, assumed, training, ranks)
        plan = plan.model_copy(update={"memory_limit_bytes": machine.memory_bytes})
        planned_for = min(allowed, plan.memory_bytes / MEMORY_SHARE)
        try:
            measured = refine(plan, config, fingerprint)
        except MemoryShortError:
            allowed = 0.7 * planned_for
            continue
        if measured.memory_bytes > LARGEST_SHARE * machine.memory_bytes:
            allowed = 0.95 * planned_for * machine.memory_bytes / measured.memory_bytes
            continue
        surprise = measured.voxels_per_second / plan.voxels_per_second
        expected = AS_EXPECTED[0] < surprise < AS_EXPECTED[1]
        if not config.time_budget or machine.voxels_per_second or expected:
            return measured
        machine = machine.model_copy(update={"voxels_per_second": measured.voxels_per_second})
    raise MemoryShortError(
        "memory",
        f"{machine.memory_bytes / 2**30:.1f} GiB were too little for the plans tried",
        "give this process more, or a smaller --patch-size or --batch-size",
    )


def refine(plan: Plan, config: TrainSettings, fingerprint: Fingerprint) -> Plan:
    """Replaces the plan's estimates of time and memory by measured values.

    Of float32 and bfloat16 the one that takes less CPU time is chosen, where the CPU has the
    latter and the user leaves it open: wall time tells what else the machine did.  With a
    time budget the number of epochs follows the measured step.

    Raises:
        MemoryShortError: a trial step was killed for lack of memory, or none is needed to see
            that it would be.
    """
    host, room = host_bytes(plan, fingerprint), LARGEST_SHARE * plan.memory_limit_bytes
    if host > room:
        raise MemoryShortError(
            "--batch-size",
            f"batches made ahead need {host / 2**30:.1f} GiB of "
            f"{plan.memory_limit_bytes / 2**30:.1f} GiB",
            "give a smaller one",
        )
    trials = _trials(plan, config)
    if not trials:
        reason = f"not measured: a trial step took longer than {PATIENCE:.0f} s"
        return plan.model_copy(update={"reasons": (*plan.reasons, reason)})
    fitting = [name for name in trials if trials[name].peak_bytes + host <= room]
    best = min(fitting or trials, key=lambda name: trials[name].cpu_seconds)
    step = trials[best].step_seconds * plan.batch_size / trial_shape(plan.shape).batch_size
    memory = trials[best].peak_bytes + host
    reasons = (
        *plan.reasons,
        *(
            f"{name}: {m.step_seconds:.2f} s a trial step, {m.cpu_seconds:.2f} CPU s"
            for name, m in trials.items()
        ),
        f"peak memory {memory / 2**30:.1f} GiB of {plan.memory_limit_bytes / 2**30:.1f} GiB",
    )
    return plan.model_copy(
        update={
            "precision": best,
            "step_seconds": step,
            "epoch_seconds": step * plan.steps_per_epoch,
            "memory_bytes": int(memory),
            "measured": True,
            "reasons": reasons,
        }
    )


def host_bytes(plan: Plan, fingerprint: Fingerprint) -> float:
    """Memory of batches made ahead and of the largest volume during validation."""
    voxels = plan.batch_size * math.prod(plan.patch_size)
    batches = (PREFETCH + 1) * voxels * (4 * plan.network.channels + plan.network.outputs)
    largest = max(math.prod(case.cropped_shape) for case in fingerprint.cases)
    return batches + largest * 4.0 * (3 * plan.network.outputs + 1)


def _trials(plan: Plan, config: TrainSettings) -> dict[str, Measured]:
    """What a trial step takes in each precision that is open; one that took too long is left out.

    Raises:
        MemoryShortError: not even the first had memory.
    """
    precisions = [plan.precision]
    if config.precision == "auto" and plan.precision == "bfloat16":
        precisions.append("float32")
    trials: dict[str, Measured] = {}
    for precision in precisions:
        shape = trial_shape(plan.shape).model_copy(update={"precision": precision})
        try:
            result = measure(shape, min(plan.memory_limit_bytes, memory_available_bytes()))
        except MemoryShortError:
            if not trials:
                raise
            continue  # float32 takes more; bfloat16 fits
        if result is not None:
            trials[precision] = result
    return trials
