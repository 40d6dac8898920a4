"""`unet launch … -- train …`: starts one command on every rank over Intel MPI."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from unet.parallel.hostfile import parse_hostfile
from unet.parallel.launch import find_mpiexec, run_launch
from unet.parallel.mpirun_arguments import Launch, check_room, course_line
from unet.parallel.network_interface import interface_towards
from unet.parallel.rank import write_stdout
from unet.system.errors import UsageError
from unet.system.logfmt import format_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line of the launcher."""
    parser.add_argument(
        "--hostfile", type=Path, help="one HOST:SLOTS a line; without it, this machine alone"
    )
    parser.add_argument("--ranks", type=int, help="processes in all; the default fills the slots")
    parser.add_argument("--ppn", type=int, help="processes per host; the default is its slots")
    parser.add_argument(
        "--genv",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable for every rank; may be repeated",
    )
    parser.add_argument(
        "--mpi-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="a further argument of mpiexec.hydra, as --mpi-arg=-print-rank-map; may be repeated",
    )
    parser.add_argument("--ssh", help="the ssh program that starts hosts (default: ssh)")
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND …",
        help="the unet command of every rank, such as: -- train --data_path DIR --output DIR",
    )


def run(args: argparse.Namespace) -> int:
    """Launches, waits, writes the termination message and returns the one code."""
    launch = _launch(args)
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


def _launch(args: argparse.Namespace) -> Launch:
    words = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not words:
        raise UsageError("launch", "no command", "give one after --, such as: launch … -- train …")
    for name in ("ranks", "ppn"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UsageError(f"--{name}", str(getattr(args, name)), "give 1 or more")
    hosts = None
    if args.hostfile is not None:
        try:
            text = args.hostfile.read_text()
        except OSError as error:
            raise UsageError(
                f"--hostfile {args.hostfile}", error.strerror or str(error), "name a readable file"
            ) from error
        hosts = parse_hostfile(text, str(args.hostfile))
    if hosts is None:
        ranks = args.ranks or 1
        ppn = args.ppn or ranks
    else:
        ppn = args.ppn or max(host.slots for host in hosts)
        ranks = args.ranks or sum(min(host.slots, ppn) for host in hosts)
    launch = Launch(
        ranks=ranks,
        ppn=ppn,
        command=tuple(words),
        hostfile=args.hostfile,
        genv=tuple(_variable(text) for text in args.genv),
        mpi_args=tuple(args.mpi_arg),
        ssh=args.ssh,
        # Only ours to choose while the user does not.
        interface=interface_towards(hosts[0].name)
        if hosts and "-iface" not in args.mpi_arg
        else None,
    )
    if hosts is not None:
        check_room(hosts, launch)
    return launch


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError("--genv", repr(text), "write NAME=VALUE")
    return name, value
