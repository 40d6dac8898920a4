"""The commands of `setup/machine`."""

from __future__ import annotations

import argparse
import os
import sys

from kubelib.settings import Cluster, cache_folder

from . import clean, needs, packages, preflight, sshd
from .text import Problem


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit code: 0 done, 2 something is missing or not agreed."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "preflight":
            port = options.port or Cluster(options.name).last_port()
            return 0 if preflight.preflight(options.task, Cluster(options.name, port)) else 2
        if options.command == "packages":
            packages.require(options.task)
        elif options.command == "sshd":
            print(sshd.server(cache_folder()).program)
        else:
            clean.clean(caches=options.caches)
    except Problem as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of the output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; nothing was changed unasked", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="setup/machine", description="What this machine has, lacks and holds for the project."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = commands.add_parser("preflight", help="one list of what a task needs; code 2: missing")
    asked.add_argument("--name", default="unet", help="of the throwaway cluster")
    asked.add_argument("--port", type=int, help="of its API on loopback")
    added = commands.add_parser("packages", help="add Debian packages, listed and asked for")
    for command in (asked, added):
        command.add_argument("task", choices=sorted(needs.TASKS))
    commands.add_parser("sshd", help="unpack an SSH server for tests/mpi; print its path")
    freed = commands.add_parser("clean", help="remove what was made, listed and asked for")
    freed.add_argument("--caches", action="store_true", help="what other checkouts use, too")
    return parser
