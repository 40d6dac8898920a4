"""Runs one rank as a child, and says what became of it.

Ranks live under sshd, so no container runtime sees how they end: a rank that the kernel
kills for lack of memory leaves its pod Running and says nothing.  This wrapper stays
small, outlives its child, and prints one `event=exit` line whatever happens to it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from unet.system import cgroup
from unet.system.errors import ExitCode
from unet.system.logfmt import format_line

CAUSES = {
    ExitCode.DONE: "",
    ExitCode.USAGE: "wrong usage",
    ExitCode.DATA: "wrong data",
    ExitCode.NAN: "not a number",
    ExitCode.DISK: "disk full or not writable",
    ExitCode.PEER_LOST: "peer lost",
    ExitCode.MEMORY: "out of memory",
    ExitCode.TERMINATED: "terminated",
}
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Hydra kills the other ranks with -9 as soon as one fails, wrappers included.  A wrapper
# whose child failed therefore stays so long, for the others to notice and to say so; the
# launcher's TERM ends the wait once all have.
LINGER_SECONDS = 10.0


@dataclass(frozen=True)
class Exit:
    """How a rank ended.

    Attributes:
        code: its exit code, one of `ExitCode` or 1 for any other failure.
        cause: the same in words.
        signal: the number of the signal that killed it, if one did.
    """

    code: int
    cause: str
    signal: int | None = None

    def line(self, rank: int) -> str:
        """The event that tells it."""
        return format_line(
            {"event": "exit", "rank": rank, "code": self.code, "cause": self.cause or None}
            | ({} if self.signal is None else {"signal": self.signal})
        )


def classify(returncode: int, *, oom_kills: int, forwarded: int | None) -> Exit:
    """Names the end of a child.

    Args:
        returncode: as `subprocess` gives it: negative for a signal.
        oom_kills: processes of this control group killed for memory during its life.
        forwarded: the signal that this wrapper passed on to it, if any.
    """
    if returncode in CAUSES:
        return Exit(returncode, CAUSES[ExitCode(returncode)])
    # A shell between us and the child turns a signal into 128 + its number.
    number = -returncode if returncode < 0 else returncode - 128
    if not 0 < number < signal.NSIG:
        return Exit(1, f"crashed with code {returncode}")
    if number == signal.SIGKILL and oom_kills > 0:
        return Exit(ExitCode.MEMORY, "out of memory", number)
    if number == forwarded:
        # The child had no handler yet, so it had nothing to save.
        return Exit(ExitCode.TERMINATED, "terminated before a checkpoint", number)
    return Exit(1, f"killed by signal {number}", number)


def rank_of(environment: Mapping[str, str]) -> int:
    """This process's rank as mpirun says it; 0 without mpirun."""
    for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK"):
        if environment.get(name, "").isdigit():
            return int(environment[name])
    return 0


def run_rank(
    command: Sequence[str],
    *,
    rank: int,
    write: Callable[[bytes], None],
    oom_kills: Callable[[], int] = cgroup.oom_kills,
) -> int:
    """Runs `command`, passes its lines and its signals on, and reports its end.

    Args:
        command: the child's argv.
        rank: number in the reports.
        write: takes whole lines.
        oom_kills: reads the control group's count of kills for memory.

    Returns:
        The code of `Exit`.
    """
    before = oom_kills()
    forwarded: list[int] = []
    child: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: object) -> None:
        forwarded.append(number)
        if child:
            child[0].send_signal(number)

    previous = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        # MPI's own descriptors (PMI_FD) must stay open.  A process group of its own keeps a
        # signal sent to ours from arriving twice.
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            close_fds=False,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            process_group=0,
            preexec_fn=_die_with_parent,
        )
        child.append(process)
        for number in forwarded:  # those that came while it was being started
            process.send_signal(number)
        start = {"event": "start", "rank": rank, "host": os.uname().nodename}
        write((format_line(start) + "\n").encode())
        relay = threading.Thread(target=_relay, args=(process, write), daemon=True)
        relay.start()
        returncode = process.wait()
        # A process that the child left behind may hold the pipe open for ever.
        relay.join(timeout=5)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    last = classify(
        returncode,
        oom_kills=oom_kills() - before,
        forwarded=forwarded[-1] if forwarded else None,
    )
    write((last.line(rank) + "\n").encode())
    return last.code


def linger(seconds: float = LINGER_SECONDS) -> None:
    """Waits `seconds` or for a signal that asks to end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    signal.sigtimedwait(FORWARDED, seconds)


def write_stdout(line: bytes) -> None:
    """Writes whole lines at once, so that the lines of several ranks never mix."""
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]
    except BrokenPipeError:
        # Nobody listens any more; the child must still be seen to its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _relay(process: subprocess.Popen[bytes], write: Callable[[bytes], None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        write(line if line.endswith(b"\n") else line + b"\n")


def _die_with_parent() -> None:
    """Asks the kernel to kill the child when this wrapper is killed with -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
