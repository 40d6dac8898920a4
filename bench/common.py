"""What the benchmarks share: flags, turns, spread, processes, memory, figures."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
Value = TypeVar("Value")
# This checkout's packages, not those that may be installed.
sys.path[:0] = [str(ROOT), str(ROOT / "cluster")]


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a benchmark's own text as it is written."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of a flag such as `40,56,40`."""
    return tuple(int(part) for part in text.split(","))


def flags(options: Mapping[str, object]) -> list[str]:
    """The words of a command line, from the options' full names."""
    return [str(word) for option in options.items() for word in option]


def unet(command: str, options: Mapping[str, object]) -> list[str]:
    """The command line of one of our commands."""
    return [PYTHON, "-m", "unet", command, *flags(options)]


def spread(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Smallest, middle and largest of some measurements, to `digits` significant digits."""
    named = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: float(f"{value:.{digits}g}") for name, value in named.items()}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Spread of ours over theirs, round by round, since both of a round met the same load."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def environment(threads: int, tree: Path = ROOT) -> dict[str, str]:
    """This environment with a fixed number of threads and a checkout's own packages."""
    fixed = {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **fixed}


def machine() -> str:
    """This machine in a few words: processor, cores, number formats that matter here."""
    text = Path("/proc/cpuinfo").read_text()
    values = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in text.splitlines())
    }
    formats = [f for f in ("avx512_bf16", "amx_bf16") if f in values.get("flags", "").split()]
    cores = len(os.sched_getaffinity(0))
    name = values.get("model name", platform.machine())
    return f"{name}, {cores} cores, {' and '.join(formats) or 'no bfloat16'}"


class Worker:
    """A process that answers each line of JSON with one; ended with the block.

    Args:
        tree: the checkout whose packages it imports.
    """

    def __init__(self, command: Sequence[str], threads: int, tree: Path = ROOT) -> None:
        self._command = command
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed with the block
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            stderr=self._errors,
            env=environment(threads, tree),
            cwd=tree,  # `python -m`, which a side may start, looks there first
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def ask(self, **request: object) -> dict[str, Any]:
        """Sends one request and returns its answer, whose fields are the worker's own."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None, "opened as a pipe"
        assert answers is not None, "opened as a pipe"
        requests.write(json.dumps(request) + "\n")
        requests.flush()
        for line in answers:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        code = self._process.wait()
        self._errors.seek(0)
        tail = "".join(self._errors.readlines()[-8:])
        raise SystemExit(f"{' '.join(self._command)} ended with code {code}:\n{tail}")


def keep_freed_memory() -> None:
    """Tunes a peer's allocator as our own code does; see unet/system/malloc.py."""
    source = ROOT / "unet/system/malloc.py"
    names: dict[str, Any] = {"__name__": "malloc"}
    exec(compile(source.read_text(), source, "exec"), names)
    names["keep_freed_memory"]()


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
    tree: Path | None = None,
) -> Finished:
    """Runs a command to its end.

    Args:
        address_space: bytes that it may map; beyond them its allocations fail.
        extra: environment variables.
        group: control group to run it in, see `limited_group`.
        tree: a checkout whose packages it imports and in which it stands, else this one's.

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
        env=environment(threads, tree or ROOT) | dict(extra or {}),
        cwd=tree,
        preexec_fn=limit,
    )
    assert process.stdout is not None, "opened as a pipe"
    chunks: list[str] = []
    with process.stdout as output:
        reader = threading.Thread(target=lambda: chunks.append(output.read()))
        reader.start()
        usage = _wait(process)
        reader.join()
    return Finished(
        code=process.returncode,
        output="".join(chunks),
        wall=time.perf_counter() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
    )


def _wait(process: subprocess.Popen[str]) -> resource.struct_rusage:
    """Waits for a process' end, sets its exit code and returns what it used."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def require(finished: Finished, what: str) -> Finished:
    """Returns what finished well, else ends the benchmark with its last lines."""
    if finished.code:
        tail = "\n".join(finished.output.splitlines()[-8:])
        raise SystemExit(f"{what} ended with code {finished.code}:\n{tail}")
    return finished


def given(value: Value | None, what: str) -> Value:
    """Returns a value that is there, else ends the benchmark with what lacks it."""
    if value is None:
        raise SystemExit(f"{what} is missing")
    return value


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
