"""What the training benchmarks share: turns, spread, processes, memory, figures."""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
sys.path.insert(0, str(ROOT))


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Smallest, middle and largest of some measurements, to `digits` significant digits."""
    named = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: float(f"{value:.{digits}g}") for name, value in named.items()}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Spread of ours over theirs, round by round, since both of a round met the same load."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def environment(threads: int) -> dict[str, str]:
    """This environment with a fixed number of threads, for either side's libraries."""
    fixed = {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **fixed}


class Worker:
    """A process that answers each line of JSON with one; ended with the block."""

    def __init__(self, command: Sequence[str], threads: int) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
            env=environment(threads),
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()

    def ask(self, **request: object) -> dict:
        """Sends one request and returns its answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"{self.process.args} ended with code {self.process.wait()}")


def answer(step: Callable[[], float]) -> None:
    """A worker's loop: runs as many steps as asked, reports CPU and wall seconds of each."""
    for line in sys.stdin:
        cpu, wall, loss = [], [], 0.0
        for _ in range(json.loads(line)["steps"]):
            began, clock = time.process_time(), time.perf_counter()
            loss = step()
            cpu.append(time.process_time() - began)
            wall.append(time.perf_counter() - clock)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"cpu": cpu, "wall": wall, "loss": loss, "peak_bytes": peak}), flush=True)


def forward_flops(
    filters: Sequence[int],
    patch: Sequence[int],
    channels: int,
    outputs: int,
    decoder_convolutions: int,
    supervised: int,
) -> float:
    """Multiply-adds times two of one forward pass of a U-Net with strides 2, one patch."""
    total, incoming = 0.0, channels
    voxels = [math.prod(patch) / 8**level for level in range(len(filters))]
    for level, width in enumerate(filters):
        total += 2 * 27 * voxels[level] * width * (incoming + width)
        incoming = width
    for level in reversed(range(len(filters) - 1)):
        width = filters[level]
        total += 2 * voxels[level] * incoming * width
        total += 2 * 27 * voxels[level] * width * (2 * width + width * (decoder_convolutions - 1))
        if level < supervised:
            total += 2 * voxels[level] * width * outputs
        incoming = width
    return total


@dataclass(frozen=True)
class Finished:
    """A command that ended: its exit code, output, wall and CPU seconds, peak RSS in bytes."""

    code: int
    output: str
    wall: float
    cpu: float
    peak_bytes: int


@contextlib.contextmanager
def limited_group(limit_bytes: int) -> Iterator[Path]:
    """A memory control group below this process' own, such as a container has."""
    from unet.system.cgroup import PROC, control_group

    own = control_group(PROC, "memory")
    if own is None:
        raise SystemExit("no memory control group here")
    group = own.folder / f"bench-{os.getpid()}"
    group.mkdir()
    try:
        name = "memory.max" if own.unified else "memory.limit_in_bytes"
        (group / name).write_text(str(limit_bytes))
        yield group
    finally:
        group.rmdir()


def run(
    command: Sequence[str | Path],
    threads: int,
    address_space: float | None = None,
    extra: Mapping[str, str] | None = None,
    group: Path | None = None,
) -> Finished:
    """Runs a command to its end.

    Args:
        address_space: bytes that it may map; beyond them its allocations fail.
        extra: environment variables.
        group: control group to run it in, see `limited_group`.

    Returns:
        CPU seconds include the children it waited for; peak RSS is the largest process', and
        never below this process' own, which Linux hands down to what it starts.
    """

    def limit() -> None:
        if address_space:
            resource.setrlimit(resource.RLIMIT_AS, (int(address_space),) * 2)
        if group:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(threads) | dict(extra or {}),
        preexec_fn=limit,
    )
    chunks: list[str] = []
    reader = threading.Thread(target=lambda: chunks.append(process.stdout.read()))
    reader.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Finished(
        code=process.returncode,
        output="".join(chunks),
        wall=time.perf_counter() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
    )


def require(finished: Finished, what: str) -> Finished:
    """Returns what finished well, else ends the benchmark with its last lines."""
    if finished.code:
        tail = "\n".join(finished.output.splitlines()[-8:])
        raise SystemExit(f"{what} ended with code {finished.code}:\n{tail}")
    return finished


def bars(file: Path, title: str, unit: str, values: Mapping[str, Mapping[str, float]]) -> None:
    """Draws spreads as bars with a line from the smallest to the largest."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 0.6 + 0.5 * len(values)), layout="constrained")
    names = list(values)[::-1]
    middle = [values[name]["median"] for name in names]
    below = [m - values[name]["min"] for m, name in zip(middle, names, strict=True)]
    above = [values[name]["max"] - m for m, name in zip(middle, names, strict=True)]
    axes.barh(names, middle, xerr=[below, above], color="#4a7fb5", capsize=3)
    axes.set_xlabel(unit)
    axes.set_title(title, fontsize=10)
    figure.savefig(file, dpi=120)
    plt.close(figure)
