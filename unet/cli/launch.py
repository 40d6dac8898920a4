"""`unet launch … -- train …`: starts one command on every rank over Intel MPI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from unet.cli.command import Command
from unet.cli.rank import words_after_dashes
from unet.parallel.hostfile import Host, parse_hostfile
from unet.parallel.launch import find_mpiexec, run_launch
from unet.parallel.mpirun_arguments import Launch, check_room, course_line
from unet.parallel.network_interface import interface_towards
from unet.parallel.rank import write_stdout
from unet.system.errors import UsageError
from unet.system.logfmt import format_line
from unet.system.settings import Flag, Settings


class LaunchSettings(Settings):
    """What `launch` can be told."""

    hostfile: Annotated[Path | None, Flag()] = Field(
        None, description="one HOST:SLOTS a line; without it, this machine alone"
    )
    ranks: Annotated[int | None, Flag()] = Field(
        None, description="processes in all; the default fills the slots"
    )
    ppn: Annotated[int | None, Flag()] = Field(
        None, description="processes per host; the default is its slots"
    )
    genv: Annotated[tuple[str, ...], Flag("NAME=VALUE", repeated=True)] = Field(
        (), description="a variable for every rank; may be repeated"
    )
    mpi_arg: Annotated[tuple[str, ...], Flag("ARG", names=("--mpi-arg",), repeated=True)] = Field(
        (),
        description="a further argument of mpiexec.hydra, as --mpi-arg=-print-rank-map; may be "
        "repeated",
    )
    ssh: Annotated[str | None, Flag()] = Field(
        None, description="the ssh program that starts hosts (default: ssh)"
    )
    command: Annotated[tuple[str, ...], Flag("-- COMMAND …", count="...")] = Field(
        (),
        description="the unet command of every rank, such as: -- train --data_path DIR "
        "--output DIR",
    )


def run(settings: LaunchSettings, _as_json: bool) -> int:
    """Launches, waits, writes the termination message and returns the one code."""
    launch = _launch(settings)
    mpiexec = find_mpiexec()
    write_stdout((course_line(launch) + "\n").encode())
    verdict, ledger = run_launch(launch, mpiexec)
    log = os.environ.get("UNET_TERMINATION_LOG")
    if log:
        # Written in place: in a pod it is a mounted file, which nothing can replace.
        Path(log).write_text(ledger.message(verdict))
    summary = {"event": "launch", "code": int(verdict.code), "cause": verdict.cause or None}
    write_stdout((format_line(summary) + "\n").encode())
    return int(verdict.code)


def _launch(settings: LaunchSettings) -> Launch:
    words = words_after_dashes(settings.command)
    if not words:
        raise UsageError("launch", "no command", "give one after --, such as: launch … -- train …")
    for name, value in (("ranks", settings.ranks), ("ppn", settings.ppn)):
        if value is not None and value < 1:
            raise UsageError(f"--{name}", str(value), "give 1 or more")
    hosts = _hosts(settings.hostfile) if settings.hostfile is not None else None
    if hosts is None:
        ranks = settings.ranks or 1
        ppn = settings.ppn or ranks
    else:
        ppn = settings.ppn or max(host.slots for host in hosts)
        ranks = settings.ranks or sum(min(host.slots, ppn) for host in hosts)
    # Only ours to choose while the user does not.
    interface = None
    if hosts and "-iface" not in settings.mpi_arg:
        interface = interface_towards(hosts[0].name)
    launch = Launch(
        ranks=ranks,
        ppn=ppn,
        command=words,
        hostfile=settings.hostfile,
        genv=tuple(_variable(text) for text in settings.genv),
        mpi_args=settings.mpi_arg,
        ssh=settings.ssh,
        interface=interface,
    )
    if hosts is not None:
        check_room(hosts, launch)
    return launch


def _hosts(file: Path) -> tuple[Host, ...]:
    try:
        text = file.read_text()
    except OSError as error:
        found = error.strerror or str(error)
        raise UsageError(f"--hostfile {file}", found, "name a readable file") from error
    return parse_hostfile(text, str(file))


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError("--genv", repr(text), "write NAME=VALUE")
    return name, value


COMMAND = Command(LaunchSettings, run)
