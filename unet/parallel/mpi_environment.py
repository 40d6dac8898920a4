"""How many ranks mpirun was asked for, read from the environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from unet.system.errors import UsageError

# Set by mpirun for the processes it starts: Intel MPI and MPICH, Open MPI, and ours
# (`unet launch`), which holds whatever MPI library answers.
RANKS_VARIABLES = ("UNET_RANKS", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE")


def requested_ranks(environment: Mapping[str, str]) -> int | None:
    """The number of ranks that mpirun was asked for, None when no mpirun started this.

    Raises:
        UsageError: a variable does not hold a number.
    """
    sizes = []
    for name in RANKS_VARIABLES:
        text = environment.get(name)
        if text is None:
            continue
        if not text.isdigit() or int(text) < 1:
            raise UsageError(name, f"{text!r}", "unset it or give the number of ranks")
        sizes.append(int(text))
    return max(sizes, default=None)


def require_ranks(size: int, asked: int) -> None:
    """Refuses another number of ranks than was asked for.

    Open MPI's mpirun starts N processes of an Intel MPI build that each believe to be
    alone, and would train N times the same.

    Raises:
        UsageError: the numbers differ.
    """
    if size != asked:
        raise UsageError(
            "mpirun",
            f"{asked} ranks were asked for but the MPI library sees {size}",
            f"start it with Intel MPI's {Path(sys.executable).parent / 'mpirun'}"
            " or `python -m unet launch`",
        )
