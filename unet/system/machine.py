"""What this process really has: cores, memory and number formats."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from unet.system.cgroup import cpu_quota_cores, memory_limit_bytes

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
# Ranks that mpirun put on this host: Intel MPI and MPICH, Open MPI.
LOCAL_RANKS_VARIABLES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")


class Machine(BaseModel):
    """Facts of the machine as one rank may use it: its share where ranks share the host."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int
    memory_bytes: int
    bfloat16: bool
    voxels_per_second: float | None = Field(
        None, description="that a rank trains, in coarse steps of what was expected; None for that"
    )


def local_ranks(environment: Mapping[str, str] = os.environ) -> int:
    """Ranks on this host, this one included; 1 without mpirun."""
    counts = (environment.get(name, "") for name in LOCAL_RANKS_VARIABLES)
    return max((int(text) for text in counts if text.isdigit()), default=1) or 1


def usable_cores(environment: Mapping[str, str] = os.environ) -> int:
    """Threads one rank should use.

    ``OMP_NUM_THREADS`` first: stock TensorFlow ignores it, mpirun users mean it.  Else the
    cores this process may run on, limited by the cgroup's CPU quota, and shared with the
    other ranks of this host where mpirun did not pin each to cores of its own.
    """
    # A list says how many threads each level of nested parallelism takes; ours is the first.
    wanted = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    cores, quota = len(os.sched_getaffinity(0)), cpu_quota_cores()
    usable = min(cores, max(1, int(quota + 0.5))) if quota else cores
    pinned = cores < (os.cpu_count() or cores)
    return max(1, usable if pinned else usable // local_ranks(environment))


def this_machine(
    cpuinfo: Path = Path("/proc/cpuinfo"), environment: Mapping[str, str] = os.environ
) -> Machine:
    """Reads the facts of this machine."""
    flags = next(
        (
            set(line.split(":")[1].split())
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("flags")
        ),
        set(),
    )
    return Machine(
        cores=usable_cores(environment),
        memory_bytes=memory_limit_bytes() // local_ranks(environment),
        bfloat16=bool(flags & BF16_FLAGS),
    )


def weakest(machines: Sequence[Machine]) -> Machine:
    """What every rank's machine can do: ranks take equal steps, and the slowest sets the pace."""
    return Machine(
        cores=min(machine.cores for machine in machines),
        memory_bytes=min(machine.memory_bytes for machine in machines),
        bfloat16=all(machine.bfloat16 for machine in machines),
    )
