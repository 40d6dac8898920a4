"""What a run may spend: cores, memory, and the voxels that its time budget buys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unet.data.case_facts import CaseFacts
from unet.planning.decision import Decision
from unet.planning.memory import MEMORY_SHARE
from unet.planning.precision import Precision, choose_precision
from unet.planning.settings import TrainSettings
from unet.planning.spending import seconds_of_steps
from unet.system.machine import Machine
from unet.system.progress import short_duration

CORES_PER_RANK = 8  # more threads of one step wait for each other
# Voxels per second and core of a 16-filter network: what a plan expects, and what a measured speed
# is counted in. bfloat16: 1.2 to 1.3 on an EPYC with avx512_bf16, 0.8 in patches of 16 x 16 x 16.
ASSUMED_SPEED: dict[Precision, float] = {"float32": 0.25e6, "bfloat16": 1.1e6}


@dataclass(frozen=True)
class Resources:
    """What there is to spend.

    Attributes:
        precision: compute type.
        threads: per rank.
        ranks: that train together.
        memory_bytes: that a rank may fill by estimate.
        voxels_per_second: that one rank trains.
        seconds: that a time budget leaves for steps, None without one.
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


def find_resources(
    config: TrainSettings, machine: Machine, ranks: int, cases: Sequence[CaseFacts] = ()
) -> Decision[Resources]:
    """What the settings allow of each rank's machine.

    Args:
        machine: of one rank, or its share of one.
        ranks: that train together.
        cases: that are read and prepared before the first step.
    """
    threads = config.threads or machine.cores
    precision = choose_precision(config.precision, machine)
    resources = Resources(
        precision=precision.value,
        threads=threads,
        ranks=ranks,
        memory_bytes=machine.memory_bytes * MEMORY_SHARE,
        voxels_per_second=machine.voxels_per_second or ASSUMED_SPEED[precision.value] * threads,
        seconds=seconds_of_steps(config.time_budget, cases, ranks) if config.time_budget else None,
    )
    if config.time_budget is None or resources.voxels is None:
        return Decision(resources, precision.reasons)
    bought = (
        f"{short_duration(config.time_budget)} leave about "
        f"{short_duration(resources.seconds or 0)} for steps on {resources.voxels / 1e6:.0f} Mvoxel"
    )
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
