"""A plan that fits: its estimates of time and memory replaced by what a trial step takes.

Memory that is short makes the next plan smaller; with a time budget, a speed that surprises makes
it one for the machine as it is.  What a trial measures is rounded to coarse steps before a plan
follows from it, and speed is counted in processor time: what else the machine does meanwhile
changes neither patch nor grid nor network, only the number of epochs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from unet.data.regions import Target
from unet.planning.fingerprint import Fingerprint
from unet.planning.memory import LARGEST_SHARE, MEMORY_SHARE
from unet.planning.plan import Measured, Plan
from unet.planning.planner import make_plan
from unet.planning.resources import ASSUMED_SPEED
from unet.planning.settings import TrainSettings
from unet.planning.spending import wanted_steps, what_is_bought
from unet.system.cgroup import memory_available_bytes
from unet.system.errors import MemoryShortError
from unet.system.machine import Machine
from unet.training.feed import PREFETCH
from unet.training.trial_step import PATIENCE, measure, trial_shape

PLANNING_ROUNDS = 4
SHORTEST_MEASURED = 240.0  # s of a time budget; trials would take too much of a shorter one
TRIAL_SHARE = 0.1  # of a time budget that one trial may take
MEMORY_STEPS = 4  # into which a factor of two is divided, where memory was short
FLOAT32_GAIN = 0.9  # of bfloat16's processor time: what takes more is not worth the change


def fitting_plan(
    config: TrainSettings,
    fingerprint: Fingerprint,
    target: Target,
    training: Sequence[str],
    ranks: int,
    machine: Machine,
) -> Plan:
    """Plans, measures, and plans again where memory or, with a time budget, speed surprise.

    A time budget under `SHORTEST_MEASURED` buys steps and no trials.

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
        if config.time_budget and config.time_budget < SHORTEST_MEASURED:
            reason = "not measured: trial steps would take too much of so short a time"
            require_host_memory(plan, fingerprint)
            return _with_purchase(plan, config, training, reason)
        try:
            measured = refine(plan, config, fingerprint)
        except MemoryShortError:
            allowed = 0.7 * planned_for
            continue
        if measured.memory_bytes > LARGEST_SHARE * machine.memory_bytes:
            excess = measured.memory_bytes / (0.95 * machine.memory_bytes)
            allowed = planned_for / coarsely_above(excess)
            continue
        speed = stable_speed(measured)
        if not config.time_budget or machine.voxels_per_second or speed is None:
            return _with_purchase(measured, config, training)
        machine = machine.model_copy(update={"voxels_per_second": speed})
    raise MemoryShortError(
        "memory",
        f"{machine.memory_bytes / 2**30:.1f} GiB were too little for the plans tried",
        "give this process more, or a smaller --patch-size or --batch-size",
    )


def stable_speed(measured: Plan) -> float | None:
    """Voxels that a rank trains in a second of a machine that does nothing else.

    The speed of a core is what was assumed times a power of two, so that small differences
    between two measurements lead to one plan. That threads share a step evenly is assumed.

    Returns:
        None where it is what was assumed, or nothing was measured.
    """
    if measured.cpu_seconds is None:
        return None
    voxels = measured.batch_size * math.prod(measured.patch_size)
    assumed = ASSUMED_SPEED[measured.precision]
    power = round(math.log2(voxels / measured.cpu_seconds / assumed))
    return assumed * measured.threads * 2.0**power if power else None


def coarsely_above(ratio: float) -> float:
    """The next power of the `MEMORY_STEPS`-th root of two that is no smaller, beyond 1."""
    return float(2.0 ** (max(1, math.ceil(MEMORY_STEPS * math.log2(ratio))) / MEMORY_STEPS))


def _with_purchase(
    plan: Plan, config: TrainSettings, training: Sequence[str], *reasons: str
) -> Plan:
    """The plan that also says what a time budget buys."""
    if config.time_budget:
        wanted = wanted_steps(len(training), plan.global_batch_size)
        steps = plan.epochs * plan.steps_per_epoch
        reasons = (*reasons, what_is_bought(config.time_budget, steps, wanted))
    return plan.model_copy(update={"reasons": (*plan.reasons, *reasons)})


def refine(plan: Plan, config: TrainSettings, fingerprint: Fingerprint) -> Plan:
    """Replaces the plan's estimates of time and memory by measured values.

    Of float32 and bfloat16 the one that takes less CPU time is chosen, where the CPU has the
    latter and the user leaves it open, and float32 only where it takes clearly less: wall time
    tells what else the machine did.  With a time budget the number of epochs follows the
    measured step.

    Raises:
        MemoryShortError: a trial step was killed for lack of memory, or none is needed to see
            that it would be.
    """
    host, room = require_host_memory(plan, fingerprint), LARGEST_SHARE * plan.memory_limit_bytes
    patience = min(PATIENCE, TRIAL_SHARE * (config.time_budget or math.inf))
    trials = _trials(plan, config, patience)
    if not trials:
        reason = f"not measured: a trial step took longer than {patience:.0f} s"
        return plan.model_copy(update={"reasons": (*plan.reasons, reason)})
    fitting = [name for name in trials if trials[name].peak_bytes + host <= room]
    best = min(fitting or trials, key=lambda name: _effort(name, trials[name]))
    steps = plan.batch_size / trial_shape(plan.shape).batch_size
    step, cpu = steps * trials[best].step_seconds, steps * trials[best].cpu_seconds
    free = config.time_budget is not None and config.epochs is None
    epochs = max(1, int(plan.epochs * plan.step_seconds / step)) if free else plan.epochs
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
            "epochs": epochs,
            "step_seconds": step,
            "cpu_seconds": cpu,
            "epoch_seconds": step * plan.steps_per_epoch,
            "memory_bytes": int(memory),
            "measured": True,
            "reasons": reasons,
        }
    )


def require_host_memory(plan: Plan, fingerprint: Fingerprint) -> float:
    """Bytes that the program needs beside a step.

    Raises:
        MemoryShortError: there is not so much.
    """
    host = host_bytes(plan, fingerprint)
    if host > LARGEST_SHARE * plan.memory_limit_bytes:
        raise MemoryShortError(
            "--batch-size",
            f"batches made ahead need {host / 2**30:.1f} GiB of "
            f"{plan.memory_limit_bytes / 2**30:.1f} GiB",
            "give a smaller one",
        )
    return host


def host_bytes(plan: Plan, fingerprint: Fingerprint) -> float:
    """Memory of batches made ahead and of the largest volume during validation."""
    voxels = plan.batch_size * math.prod(plan.patch_size)
    batches = (PREFETCH + 1) * voxels * (4 * plan.network.channels + plan.network.outputs)
    largest = max(math.prod(case.cropped_shape) for case in fingerprint.cases)
    return batches + largest * 4.0 * (3 * plan.network.outputs + 1)


def _effort(precision: str, trial: Measured) -> float:
    """Processor time by which precisions are compared; a near draw is for bfloat16."""
    return trial.cpu_seconds * (FLOAT32_GAIN if precision == "bfloat16" else 1.0)


def _trials(plan: Plan, config: TrainSettings, patience: float) -> dict[str, Measured]:
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
            memory = min(plan.memory_limit_bytes, memory_available_bytes())
            result = measure(shape, memory, patience)
        except MemoryShortError:
            if not trials:
                raise
            continue  # float32 takes more; bfloat16 fits
        if result is not None:
            trials[precision] = result
    return trials
