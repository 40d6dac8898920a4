"""`unet rank -- COMMAND …`: one rank under a wrapper that reports how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from unet.cli.command import Command
from unet.parallel.mpi_environment import requested_ranks
from unet.parallel.rank import linger, rank_of, run_rank, write_stdout
from unet.system.errors import UsageError
from unet.system.settings import Flag, Settings


class RankSettings(Settings):
    """What `rank` can be told."""

    command: Annotated[tuple[str, ...], Flag("-- COMMAND …", count="...")] = Field(
        (),
        description="a unet command and its arguments, such as: -- train --data_path DIR "
        "--output DIR",
    )


def run(settings: RankSettings, _as_json: bool) -> int:
    """Runs the command as a child and returns its code."""
    words = words_after_dashes(settings.command)
    if not words:
        raise UsageError("rank", "no command", "give one after --, such as: rank -- train …")
    code = run_rank(
        [sys.executable, "-m", "unet", *words], rank=rank_of(os.environ), write=write_stdout
    )
    if code and (requested_ranks(os.environ) or 1) > 1:
        linger()
    return code


def words_after_dashes(command: Sequence[str]) -> tuple[str, ...]:
    """The command without the `--` that parts it from the flags."""
    return tuple(command[1:] if command[:1] == ("--",) else command)


COMMAND = Command(RankSettings, run)
