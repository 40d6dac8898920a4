"""Starts the ranks by Intel MPI's mpiexec.hydra and ends with one meaningful code."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from unet.parallel.mpirun_arguments import Launch, launcher_environment, mpiexec_arguments
from unet.parallel.rank import write_stdout
from unet.parallel.rank_exit_code import Ledger, Verdict
from unet.system.errors import UsageError

KEPT_COMPLAINTS = 50


def find_mpiexec(python: str = sys.executable) -> str:
    """mpiexec.hydra beside this Python, else on the PATH.

    Raises:
        UsageError: there is none.
    """
    beside = Path(python).parent / "mpiexec.hydra"
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec.hydra")
    if mpiexec is None:
        raise UsageError("mpiexec.hydra", "not found", "run `make setup`, or pip install impi-rt")
    return mpiexec


def run_launch(launch: Launch, mpiexec: str) -> tuple[Verdict, Ledger]:
    """Runs mpiexec, passes every line and signal on, and reads the outcome.

    TERM and INT are passed to mpiexec.hydra, which passes them to every rank.
    """
    prefix = Path(sys.prefix)
    process = subprocess.Popen(
        [mpiexec, *mpiexec_arguments(launch, prefix, sys.executable)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=launcher_environment(launch, os.environ),
        # A group of its own: a Ctrl-C reaches it once, from us.
        process_group=0,
    )
    previous = {
        number: signal.signal(number, lambda n, _frame: process.send_signal(n))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    assert process.stdout is not None
    assert process.stderr is not None
    complaints: list[str] = []
    relay = threading.Thread(target=_relay_errors, args=(process.stderr, complaints), daemon=True)
    relay.start()
    ledger, ending = Ledger(), False
    try:
        for line in process.stdout:
            write_stdout(line)
            ledger.read(line.decode(errors="replace"))
            if ledger.all_failed(launch.ranks) and not ending:
                ending = True  # the wrappers linger for each other: see rank.py
                process.terminate()
        returncode = process.wait()
        relay.join(timeout=5)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return ledger.verdict(returncode, complaint(complaints)), ledger


def complaint(lines: Sequence[str]) -> str:
    """What mpiexec or ssh complained of: the first error, else the last line."""
    errors = [line for line in lines if "rror" in line]
    text = errors[0] if errors else lines[-1] if lines else ""
    return re.sub(r"^\[mpiexec@[^]]*\] (Error: )?", "", text)


def _relay_errors(stream: IO[bytes], lines: list[str]) -> None:
    """Passes standard error on, and keeps what mpiexec says before ranks begin."""
    for line in stream:
        sys.stderr.write(line.decode(errors="replace"))
        sys.stderr.flush()
        text = line.decode(errors="replace").strip()
        if text and len(lines) < KEPT_COMPLAINTS:
            lines.append(text)
