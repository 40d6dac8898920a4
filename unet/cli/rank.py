"""`unet rank -- COMMAND …`: one rank under a wrapper that reports how it ends."""

from __future__ import annotations

import argparse
import os
import sys

from unet.parallel.mpi_environment import requested_ranks
from unet.parallel.rank import linger, rank_of, run_rank, write_stdout
from unet.system.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line of the rank."""
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND …",
        help="a unet command and its arguments, such as: -- train --data_path DIR --output DIR",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command as a child and returns its code."""
    words = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not words:
        raise UsageError("rank", "no command", "give one after --, such as: rank -- train …")
    code = run_rank(
        [sys.executable, "-m", "unet", *words], rank=rank_of(os.environ), write=write_stdout
    )
    if code and (requested_ranks(os.environ) or 1) > 1:
        linger()
    return code
