"""What a run may spend: cores, memory, and the voxels that its time budget buys."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unet.planning.decision import Decision
from unet.planning.memory import MEMORY_SHARE
from unet.planning.precision import Precision, choose_precision
from unet.planning.settings import TrainSettings
from unet.system.machine import Machine

TRAINING_SHARE = 0.85  # of a time budget; the rest prepares, validates and saves
CORES_PER_RANK = 8  # more threads of one step wait for each other
# Until a trial step has measured: voxels per second and core of a 16-filter network.
ASSUMED_SPEED: dict[Precision, float] = {"float32": 0.25e6, "bfloat16": 0.8e6}


@dataclass(frozen=True)
class Resources:
    """What there is to spend.

    Attributes:
        precision: compute type.
        threads: per rank.
        ranks: that train together.
        memory_bytes: that a rank may fill by estimate.
        voxels_per_second: that one rank trains.
        seconds: of training that a time budget leaves, None without one.
    """

    precision: Precision
    threads: int
    ranks: int
    memory_bytes: float
    voxels_per_second: float
    seconds: float | None

    @property
    def voxels(self) -> float | None:
        """Voxels that all ranks can train on within the time budget, None without one."""
        return None if self.seconds is None else self.seconds * self.voxels_per_second * self.ranks

    @property
    def voxels_per_rank(self) -> float | None:
        """Voxels that one rank can train on within the time budget, None without one."""
        return None if self.voxels is None else self.voxels / self.ranks


def find_resources(config: TrainSettings, machine: Machine, ranks: int) -> Decision[Resources]:
    """What the settings allow of each rank's machine.

    Args:
        machine: of one rank, or its share of one.
        ranks: that train together.
    """
    threads = config.threads or machine.cores
    precision = choose_precision(config.precision, machine)
    resources = Resources(
        precision=precision.value,
        threads=threads,
        ranks=ranks,
        memory_bytes=machine.memory_bytes * MEMORY_SHARE,
        voxels_per_second=machine.voxels_per_second or ASSUMED_SPEED[precision.value] * threads,
        seconds=config.time_budget * TRAINING_SHARE if config.time_budget else None,
    )
    if not resources.voxels:
        return Decision(resources, precision.reasons)
    bought = f"{config.time_budget:.0f} s buy about {resources.voxels / 1e6:.0f} Mvoxel"
    return Decision(resources, (*precision.reasons, bought))


def ranks_per_node(threads: int) -> Decision[int]:
    """Ranks of at most `CORES_PER_RANK` cores that these threads would make."""
    ranks = math.ceil(threads / CORES_PER_RANK)
    if ranks == 1:
        return Decision(ranks)
    advice = (
        f"{threads} cores are better shared by {ranks} ranks "
        f"(`python -m unet launch --ranks {ranks} -- train …` on one machine)"
    )
    return Decision(ranks, (advice,))
