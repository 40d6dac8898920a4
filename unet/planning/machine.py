"""What this process really has: cores, memory and number formats."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from unet.run.cgroup import cpu_quota_cores, memory_limit_bytes

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


class Machine(BaseModel):
    """Facts of the machine as this process may use it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int
    memory_bytes: int
    bfloat16: bool


def usable_cores(environment: dict[str, str] | None = None) -> int:
    """Threads one rank should use.

    ``OMP_NUM_THREADS`` first: stock TensorFlow ignores it, mpirun users mean it.  Else the
    cores this process may run on, limited by the cgroup's CPU quota.
    """
    wanted = (os.environ if environment is None else environment).get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    cores = len(os.sched_getaffinity(0))
    quota = cpu_quota_cores()
    return max(1, min(cores, int(quota + 0.5))) if quota else cores


def this_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """Reads the facts of this machine."""
    flags = next(
        (set(line.split(":")[1].split()) for line in cpuinfo.read_text().splitlines()
         if line.startswith("flags")),
        set(),
    )  # fmt: skip
    return Machine(
        cores=usable_cores(),
        memory_bytes=memory_limit_bytes(),
        bfloat16=bool(flags & BF16_FLAGS),
    )
