"""Chooses the engine by which this process talks to the other ranks."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping

from unet.parallel.comm import Comm
from unet.parallel.horovod_engine import Horovod
from unet.parallel.mpi_environment import requested_ranks, require_ranks
from unet.parallel.solo import Solo
from unet.system.errors import UsageError


def open_comm(
    expected_size: int | None = None, environment: Mapping[str, str] = os.environ
) -> Comm:
    """The engine for this process: Horovod under mpirun with several ranks, else Solo.

    Args:
        expected_size: ranks that the caller counts on; None to take what mpirun says.
        environment: where mpirun leaves its variables.

    Raises:
        UsageError: the number of ranks is not the one asked for, or Horovod is missing.
    """
    asked = requested_ranks(environment)
    wanted = expected_size or asked or 1
    if asked is None or wanted == 1:
        require_ranks(asked or 1, wanted)
        return Solo()
    if importlib.util.find_spec("horovod") is None:
        raise UsageError(
            "horovod", f"not installed, but mpirun asks for {asked} ranks", "run `make setup`"
        )
    comm = Horovod()
    require_ranks(comm.size, wanted)
    return comm
