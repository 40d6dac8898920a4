"""Finds and ends the processes that came by ssh into this pod."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")


def is_rank(words: list[bytes]) -> bool:
    """Whether a command line is that of a rank's wrapper, `python -m unet rank …`."""
    return words[1:4] == [b"-m", b"unet", b"rank"]


def is_hydra(words: list[bytes]) -> bool:
    """Whether a command line is that of one of Hydra's proxies."""
    return words[0].rpartition(b"/")[2] in (b"hydra_pmi_proxy", b"hydra_bstrap_proxy")


def find(wanted: Callable[[list[bytes]], bool], proc: Path = PROC) -> list[int]:
    """The process ids whose command line is wanted."""
    found = []
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted((folder / "cmdline").read_bytes().split(b"\0")):
                found.append(int(folder.name))
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Sends a signal to those that still exist."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_gone(pids: Iterable[int], seconds: float) -> bool:
    """Waits until all have ended, at most `seconds`; whether they have."""
    poll, waiting = select.poll(), set()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            poll.register(descriptor, select.POLLIN)
            waiting.add(descriptor)
    end = time.monotonic() + seconds
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            waiting.discard(descriptor)
            os.close(descriptor)
    for descriptor in waiting:
        os.close(descriptor)
    return not waiting
