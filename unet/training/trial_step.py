"""Measures what cannot be computed: seconds of a step and peak memory, in a child process.

A child, because only a fresh process has a peak of its own, and because one that needs too
much ends alone: its allocations fail at the limit, so that the kernel need not choose whom to
kill (where a pod's processes are killed as one, it would choose all of them).
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time

import numpy as np

from unet.parallel.solo import Solo
from unet.planning.plan import Measured, StepShape
from unet.system.errors import MemoryShortError
from unet.system.malloc import keep_freed_memory
from unet.system.threads import use_threads
from unet.training.step import Trainer

STEPS, SHORT_STEPS = 3, 10  # timed after one that traces and warms up; more if they are short,
SHORT_SECONDS = 2.0  # as long as they take no more than this: the least of many is steadier
# How an allocation that fails ends a process: by the kernel, an exception nobody catches, a
# null pointer in a library, or an error of ours.
SHORT = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, MemoryShortError.code}
PATIENCE = 300.0  # seconds that a trial may take


def measure(shape: StepShape, memory_bytes: int, patience: float = PATIENCE) -> Measured | None:
    """Takes a trial step in a child process.

    Args:
        memory_bytes: that it may take.
        patience: seconds that it may take.

    Returns:
        what it took, or None if that was longer than it may.

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
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode in SHORT:
        raise MemoryShortError(
            "planning", "a trial step ended for lack of memory", "give this process more memory"
        )
    if done.returncode:
        raise RuntimeError(f"trial step, code {done.returncode}: {done.stderr.strip()[-2000:]}")
    return Measured.model_validate_json(done.stdout.strip().splitlines()[-1])


def take_steps(shape: StepShape) -> Measured:
    """Takes a few steps on random data in this process."""
    keep_freed_memory()
    use_threads(shape.threads)
    trainer = Trainer(shape, Solo(), seed=0)
    rng = np.random.default_rng(0)
    size = (shape.batch_size, *shape.patch_size)
    image = rng.standard_normal((*size, shape.network.channels), dtype=np.float32)
    target = np.zeros((*size, shape.network.outputs), np.uint8)
    target[..., 0] = 1
    wall: list[float] = []
    cpu: list[float] = []
    while len(wall) <= STEPS or (sum(wall[1:]) < SHORT_SECONDS and len(wall) <= SHORT_STEPS):
        began, worked = time.perf_counter(), time.process_time()
        trainer.step(image, target, 1e-4, stop=False)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measured(step_seconds=min(wall[1:]), cpu_seconds=min(cpu[1:]), peak_bytes=peak)


def trial_shape(shape: StepShape) -> StepShape:
    """The shape with two slices at most: more take more time and no more memory."""
    return shape.model_copy(
        update={"batch_size": min(shape.batch_size, 2 * (shape.micro_batch or shape.batch_size))}
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
    try:
        print(take_steps(StepShape.model_validate_json(sys.argv[1])).model_dump_json())
    except (MemoryShortError, MemoryError):
        sys.exit(MemoryShortError.code)
