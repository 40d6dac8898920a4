"""Starts the ranks by Intel MPI's mpiexec.hydra and ends with one meaningful code.

mpiexec.hydra is run directly: the `mpirun` script around it leaves ranks behind on TERM.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from unet.parallel.outcome import Ledger, Verdict
from unet.parallel.rank import write_stdout
from unet.system.errors import UsageError

KEPT_COMPLAINTS = 50


@dataclass(frozen=True)
class Host:
    """One line of the hostfile."""

    name: str
    slots: int


@dataclass(frozen=True)
class Launch:
    """What to start and where.

    Attributes:
        ranks: processes in all.
        ppn: processes per host.
        command: the unet command of every rank, such as `("train", "--data_path", …)`.
        hostfile: `HOST:SLOTS` lines; None for this machine alone, without ssh.
        genv: variables for every rank.
        mpi_args: further arguments of mpiexec, one element each.
        ssh: the ssh program to start hosts with; None for the one on the PATH.
        interface: this machine's network interface towards the hosts, such as `eth0`; they call
            back by its address.  Without it they call back by this machine's name, which a
            pod's workers cannot resolve.
    """

    ranks: int
    ppn: int
    command: tuple[str, ...]
    hostfile: Path | None = None
    genv: tuple[tuple[str, str], ...] = ()
    mpi_args: tuple[str, ...] = ()
    ssh: str | None = None
    interface: str | None = None


def parse_hostfile(text: str, name: str) -> tuple[Host, ...]:
    """The hosts of a hostfile: one `HOST` or `HOST:SLOTS` a line, # for comments.

    Raises:
        UsageError: a line is not of that form, a host comes twice, or there is none.
    """
    hosts: list[Host] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        host, _, slots = words.partition(":")
        if not host or " " in words or (slots and not (slots.isdigit() and int(slots) > 0)):
            raise UsageError(f"{name}: line {number}", repr(words), "write HOST:SLOTS")
        if host in {known.name for known in hosts}:
            raise UsageError(f"{name}: line {number}", f"{host} a second time", "name it once")
        hosts.append(Host(host, int(slots or 1)))
    if not hosts:
        raise UsageError(name, "no host in it", "write one HOST:SLOTS a line")
    return tuple(hosts)


def check_room(hosts: Sequence[Host], launch: Launch) -> None:
    """Refuses more ranks than there are slots.

    Raises:
        UsageError: the ranks do not fit.
    """
    room = sum(min(host.slots, launch.ppn) for host in hosts)
    if launch.ranks > room:
        raise UsageError(
            "--ranks",
            f"{launch.ranks}, but {len(hosts)} hosts with --ppn {launch.ppn} have {room} slots",
            "lower --ranks or raise the slots in the hostfile and --ppn",
        )


def rank_environment(launch: Launch, prefix: Path) -> dict[str, str]:
    """The variables that every rank is given, since ssh sessions inherit none.

    Args:
        launch: what to start.
        prefix: the Python environment, which holds Intel MPI's lib folder.
    """
    defaults = {
        "UNET_RANKS": str(launch.ranks),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
        # Pinning is for machines of one's own: in a pod, whose cores are a share and not a
        # set, every rank of a host would be pinned to the same first cores.
        "I_MPI_PIN": "off",
    }
    given = dict(launch.genv)
    if any(name.startswith("I_MPI_PIN") for name in given):
        del defaults["I_MPI_PIN"]
    return defaults | given


def mpiexec_arguments(launch: Launch, prefix: Path, python: str) -> list[str]:
    """The arguments of mpiexec.hydra.

    The machine file's `HOST:SLOTS` counts are honoured (`-hostfile` ignores them).
    """
    words: list[str] = []
    if launch.hostfile is None:
        words += ["-bootstrap", "fork", "-hosts", "localhost"]
    else:
        words += ["-bootstrap", "ssh"]
        words += ["-bootstrap-exec", launch.ssh] if launch.ssh else []
        words += ["-machinefile", str(launch.hostfile)]
    words += ["-iface", launch.interface] if launch.interface else []
    words += ["-n", str(launch.ranks), "-ppn", str(launch.ppn)]
    for name, value in rank_environment(launch, prefix).items():
        words += ["-genv", name, value]
    words += launch.mpi_args
    return [*words, python, "-m", "unet", "rank", "--", *launch.command]


def course_line(launch: Launch) -> str:
    """The mpirun line that does the same by hand, as one would type it."""
    words = ["mpirun"]
    for name, value in launch.genv:
        words += ["-genv", f"{name}={value}"]
    words += ["-n", str(launch.ranks)]
    words += ["-machinefile", str(launch.hostfile)] if launch.hostfile else []
    words += ["-ppn", str(launch.ppn), *launch.mpi_args, "python", "-m", "unet", *launch.command]
    return shlex.join(words)


def launcher_environment(launch: Launch, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of mpiexec.hydra itself.

    Hydra starts hosts in a tree of width 16; above that workers would have to log in to
    workers, which hold no key for it.  A width of the number of ranks keeps it flat.
    """
    return dict(environment) | {"I_MPI_HYDRA_BRANCH_COUNT": str(max(launch.ranks, 16))}


def find_mpiexec(python: str = sys.executable) -> str:
    """mpiexec.hydra beside this Python, else on the PATH.

    Raises:
        UsageError: there is none.
    """
    beside = Path(python).parent / "mpiexec.hydra"
    found = str(beside) if beside.exists() else shutil.which("mpiexec.hydra")
    if found is None:
        raise UsageError("mpiexec.hydra", "not found", "run `make setup`, or pip install impi-rt")
    return found


def own_address(host: str) -> str | None:
    """The address by which `host` can reach this machine; None when its name is unknown."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, 22, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # a datagram socket sends nothing by that
            return str(probe.getsockname()[0])
    except OSError:
        return None


def interface_of(address: str) -> str | None:
    """The network interface that holds an address; None when no single one does."""
    for name, entries in psutil.net_if_addrs().items():
        if any(entry.address == address for entry in entries):
            return name
    return None


def interface_towards(host: str) -> str | None:
    """The network interface by which `host` is reached; None when its name is unknown."""
    address = own_address(host)
    return interface_of(address) if address else None


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
    aside = threading.Thread(target=_relay_errors, args=(process.stderr, complaints), daemon=True)
    aside.start()
    ledger, ending = Ledger(), False
    try:
        for line in process.stdout:
            write_stdout(line)
            ledger.read(line.decode(errors="replace"))
            if ledger.all_failed(launch.ranks) and not ending:
                ending = True  # the wrappers linger for each other: see rank.py
                process.terminate()
        returncode = process.wait()
        aside.join(timeout=5)
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
