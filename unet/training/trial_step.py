"""Measures what cannot be computed: seconds of a step and peak memory, in a child process.

A child, because only a fresh process has a peak of its own, and because one that needs too
much ends alone: its allocations fail at the limit, so that the kernel need not choose whom to
kill (where a pod's processes are killed as one, it would choose all of them).
"""

from __future__ import annotations

import math
import resource
import signal
import subprocess
import sys
import time

import numpy as np

from unet.parallel.solo import Solo
from unet.planning.fingerprint import Fingerprint
from unet.planning.plan import LARGEST_SHARE, Measured, Plan, StepShape
from unet.planning.settings import TrainConfig
from unet.system.cgroup import memory_available_bytes
from unet.system.errors import MemoryShortError
from unet.system.malloc import keep_freed_memory
from unet.system.threads import use_threads
from unet.training.feed import PREFETCH
from unet.training.step import Trainer

STEPS = 3  # timed after one that traces and warms up
# How an allocation that fails ends a process: by the kernel, an exception nobody catches, a
# null pointer in a library, or an error of ours.
SHORT = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, MemoryShortError.code}
PATIENCE = 300.0  # seconds a probe may take


def measure(shape: StepShape, memory_bytes: int) -> Measured | None:
    """Runs a probe in a child process; None when it took too long.

    Args:
        memory_bytes: that it may take.

    Raises:
        MemoryShortError: the child was killed or found no memory.
    """
    command = [
        sys.executable,
        "-m",
        "unet.training.trial_step",
        shape.model_dump_json(),
        str(memory_bytes),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode in SHORT:
        raise MemoryShortError(
            "planning", "a trial step ended for lack of memory", "give this process more memory"
        )
    if done.returncode:
        raise RuntimeError(f"trial step, code {done.returncode}: {done.stderr.strip()[-2000:]}")
    return Measured.model_validate_json(done.stdout.strip().splitlines()[-1])


def run(shape: StepShape) -> Measured:
    """Takes a few steps on random data in this process."""
    keep_freed_memory()
    use_threads(shape.threads)
    trainer = Trainer(shape, Solo(), seed=0)
    rng = np.random.default_rng(0)
    size = (shape.batch_size, *shape.patch_size)
    image = rng.standard_normal((*size, shape.network.channels), dtype=np.float32)
    target = np.zeros((*size, shape.network.outputs), np.uint8)
    target[..., 0] = 1
    wall, cpu = [], []
    for _ in range(STEPS + 1):
        began, worked = time.perf_counter(), time.process_time()
        trainer.step(image, target, 1e-4, stop=False)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measured(step_seconds=min(wall[1:]), cpu_seconds=min(cpu[1:]), peak_bytes=peak)


def refine(plan: Plan, config: TrainConfig, fingerprint: Fingerprint) -> Plan:
    """Replaces the plan's priors for time and memory by measured values.

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
    precisions = [plan.precision]
    if config.precision == "auto" and plan.precision == "bfloat16":
        precisions.append("float32")
    found: dict[str, Measured] = {}
    for precision in precisions:
        shape = _trial(plan.shape).model_copy(update={"precision": precision})
        try:
            result = measure(shape, min(plan.memory_limit_bytes, memory_available_bytes()))
        except MemoryShortError:
            if not found:
                raise
            continue  # float32 takes more; bfloat16 fits
        if result is not None:
            found[precision] = result
    if not found:
        reason = f"not measured: a trial step took longer than {PATIENCE:.0f} s"
        return plan.model_copy(update={"reasons": (*plan.reasons, reason)})
    fitting = [name for name in found if found[name].peak_bytes + host <= room]
    best = min(fitting or found, key=lambda name: found[name].cpu_seconds)
    step = found[best].step_seconds * plan.batch_size / _trial(plan.shape).batch_size
    memory = found[best].peak_bytes + host
    reasons = (
        *plan.reasons,
        *(
            f"{name}: {m.step_seconds:.2f} s a trial step, {m.cpu_seconds:.2f} CPU s"
            for name, m in found.items()
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


def _trial(shape: StepShape) -> StepShape:
    """The shape with two slices at most: more take more time and no more memory."""
    return shape.model_copy(
        update={"batch_size": min(shape.batch_size, 2 * (shape.micro_batch or shape.batch_size))}
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
    try:
        print(run(StepShape.model_validate_json(sys.argv[1])).model_dump_json())
    except (MemoryShortError, MemoryError):
        sys.exit(MemoryShortError.code)
