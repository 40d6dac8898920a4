"""What the person at the terminal reads: steps with their time, and errors of one line."""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class KubeError(Exception):
    """An error a user can act on.

    Args:
        where: the file, command or feature at fault.
        found: what was found.
        remedy: what to do about it, an imperative clause.
        log: a file whose last lines explain more.
    """

    def __init__(self, where: str, found: str, remedy: str, log: Path | None = None) -> None:
        self.log = log
        super().__init__(f"{where}: {found}; {remedy}")


@contextmanager
def step(label: str, log: Path | None = None) -> Iterator[None]:
    """Prints `label` and, when the block ends, how long it took and what its children computed.

    On a terminal the seconds count up meanwhile; elsewhere (a CI log) a line is printed
    at the end only.  `log` is named when the block takes long enough to be curious.
    """
    started, computed = time.monotonic(), _children_cpu()
    ended = threading.Event()
    live = sys.stdout.isatty()

    def tick() -> None:
        while not ended.wait(1.0):
            seconds = time.monotonic() - started
            hint = f"  (log: {log})" if log and seconds > 5 else ""
            print(f"\r  {label:<46} {seconds:6.0f} s{hint}", end="", flush=True)

    ticker = threading.Thread(target=tick, daemon=True)
    if live:
        print(f"  {label:<46}", end="", flush=True)
        ticker.start()
    outcome = "failed"
    try:
        yield
        outcome = ""
    finally:
        ended.set()
        if live:
            ticker.join()
            print("\r\033[K", end="")
        wall, cpu = time.monotonic() - started, _children_cpu() - computed
        figures = f"{wall:7.1f} s" + (f" {cpu:7.1f} CPU s" if cpu >= 1 else "")
        print(f"  {label:<46} {figures} {outcome}".rstrip(), flush=True)


def _children_cpu() -> float:
    """Seconds of CPU used by child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tail(path: Path, lines: int = 15) -> str:
    """Returns the last `lines` lines of the file, or nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
