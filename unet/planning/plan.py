"""From fingerprint, memory, cores and deadline to a plan.  Pure: facts in, plan out.

The rules follow nnU-Net (patch from the median shape, strides by anisotropy) where memory
decides, and add what a CPU with a deadline needs: a grid coarse enough that the network
sees every case often, and patches small enough for many steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from unet.data.preparation import Recipe
from unet.data.regions import Target
from unet.planning.course_sizes import course_size, course_steps
from unet.planning.fingerprint import Fingerprint, make_recipe, target_spacing
from unet.planning.memory import BYTES_PER_VOLUME_VOXEL, estimate_bytes
from unet.planning.network import NetworkSpec, course_spec
from unet.planning.patch import coarsen, fit_patch, grid_shape, strides_for
from unet.planning.settings import TrainConfig
from unet.system.errors import MemoryShortError, UsageError
from unet.system.machine import Machine

DEFAULT_EPOCHS = 40  # the course's
LARGEST_PATCH = 128**3  # nnU-Net's usual patch; more context stops paying
BATCH = 2  # without a time budget
LARGEST_BATCH = 4
FILTERS = 16  # of the first level; doubled at each level below
LARGEST_FILTERS = 256
# What a time budget must buy.  Many small steps beat few large ones: on the hippocampus 510
# CPU s gave a Dice of 0.865 with batches of 8, 0.876 with 2, 0.878 with 1.
WANTED_VIEWS = 2500  # whole cases seen, before the grid is made coarser
WANTED_STEPS = 3000  # before patches are made smaller
STEPS_FOR_BATCHES = 5000  # before more than one patch goes into a step
SHORTEST_RUN = 20  # epochs within a time budget, so that its end is met closely
TRAINING_SHARE = 0.85  # of a time budget; the rest prepares, validates and saves
BASE_RATE = {"planned": 3e-3, "course": 1e-3}  # for a global batch of 8, see schedule.py
VALIDATIONS = 10  # of a run, evenly spread over its epochs
CORES_PER_RANK = 8  # more threads of one step wait for each other
MEMORY_SHARE = 0.85  # of the limit that a plan may fill by estimate
LARGEST_SHARE = 0.95  # and once it was measured

# Priors until a probe has measured: voxels per second and core of a 16-filter network.
PRIOR_RATE = {"float32": 0.25e6, "bfloat16": 0.8e6}


Strides = tuple[tuple[int, int, int], ...]


class Plan(BaseModel):
    """What a run will do.  Sizes in voxels, times in seconds, memory in bytes per rank."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    target: Target
    network: NetworkSpec
    patch_size: tuple[int, int, int]
    batch_size: int = Field(description="patches per rank and step")
    micro_batch: int | None = Field(
        None, ge=1, description="patches computed at a time, a divisor of the batch; None for all"
    )
    ranks: int
    precision: Literal["float32", "bfloat16"]
    threads: int
    ranks_per_node: int = Field(
        1, description="ranks that would share this one's cores best; above 1 it is advice"
    )
    epochs: int
    steps_per_epoch: int
    validate_every: int
    learning_rate: float = Field(description="base rate, before scaling to the global batch")
    step_seconds: float
    epoch_seconds: float
    memory_bytes: int
    memory_limit_bytes: int
    measured: bool = Field(description="whether a probe measured time and memory")
    reasons: tuple[str, ...]
    settings: dict[str, JsonValue] | None = Field(
        None, description="what the run was asked for, as far as a plan depends on it"
    )

    @property
    def global_batch_size(self) -> int:
        """Patches per step over all ranks."""
        return self.batch_size * self.ranks

    @property
    def voxels_per_second(self) -> float:
        """Voxels that a rank trains in a second."""
        return self.batch_size * math.prod(self.patch_size) / self.step_seconds

    @property
    def shape(self) -> StepShape:
        """The part of the plan that fixes time and memory of a step."""
        return StepShape(
            network=self.network,
            patch_size=self.patch_size,
            batch_size=self.batch_size,
            micro_batch=self.micro_batch,
            activation=self.target.activation,
            threads=self.threads,
            precision=self.precision,
        )


class StepShape(BaseModel):
    """What fixes time and memory of a training step: what a trial step measures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkSpec
    patch_size: tuple[int, int, int]
    batch_size: int
    micro_batch: int | None = None
    activation: Literal["softmax", "sigmoid"]
    threads: int
    precision: Literal["float32", "bfloat16"]


class Measured(BaseModel):
    """What a probe found: the fastest of its steps and the process' peak RSS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step_seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Grid:
    """The grid that cases are trained on.

    Attributes:
        spacing: mm to resample to, None to keep the cases' own.
        shrink: factors for cases of unknown spacing.
        width: relative size of a voxel along each axis.
        shapes: of the training cases on this grid, voxels.
    """

    spacing: tuple[float, float, float] | None
    shrink: tuple[float, float, float]
    width: tuple[float, ...]
    shapes: tuple[tuple[int, int, int], ...]

    @property
    def median(self) -> tuple[int, int, int]:
        """The median size along each axis."""
        middle = len(self.shapes) // 2
        d, h, w = (sorted(shape[axis] for shape in self.shapes)[middle] for axis in range(3))
        return d, h, w

    @property
    def largest(self) -> int:
        """Voxels of the largest case."""
        return max(math.prod(shape) for shape in self.shapes)

    @property
    def mean(self) -> float:
        """Voxels of a case on average."""
        return sum(math.prod(shape) for shape in self.shapes) / len(self.shapes)


@dataclass(frozen=True)
class Means:
    """What there is to spend.

    Attributes:
        precision: compute type.
        threads: per rank.
        ranks: that train together.
        memory: bytes that a rank may fill.
        rate: voxels a second that one rank trains.
        seconds: of training that a time budget leaves, None without one.
    """

    precision: Literal["float32", "bfloat16"]
    threads: int
    ranks: int
    memory: float
    rate: float
    seconds: float | None

    @property
    def voxels(self) -> float | None:
        """Voxels that all ranks can train on within the time budget."""
        return None if self.seconds is None else self.seconds * self.rate * self.ranks


def make_plan(
    fingerprint: Fingerprint,
    target: Target,
    config: TrainConfig,
    machine: Machine,
    training_cases: Sequence[str],
    ranks: int = 1,
) -> Plan:
    """Decides everything that the configuration leaves open.

    Args:
        fingerprint: of all cases.
        training_cases: ids; what a time budget buys is counted in views of them.
        ranks: that train together, each on a machine like `machine`.

    Raises:
        MemoryShortError: not even the smallest patch fits, or a given one does not.
        UsageError: a given patch does not suit the network.
    """
    reasons: list[str] = []
    means = _means(config, machine, ranks, reasons)
    grid = _grid(config, fingerprint, training_cases, means.voxels, reasons)
    network, patch, batch = _network(config, target, fingerprint, grid, means, reasons)
    at_a_time = _at_a_time(
        batch,
        config.recompute,
        lambda patches: _memory(network, patches * math.prod(patch), grid, means) <= means.memory,
    )
    memory = _memory(network, at_a_time * math.prod(patch), grid, means)
    if memory > means.memory:
        raise MemoryShortError(
            "--patch-size",
            f"one patch of {'x'.join(map(str, patch))} needs about {memory / 2**30:.1f} GiB of "
            f"{machine.memory_bytes / 2**30:.1f} GiB",
            "give a smaller one, or leave it to the plan",
        )
    if at_a_time < batch:
        why = "as --recompute asks" if config.recompute else "more at once does not fit the memory"
        reasons.append(f"batch {batch} computed {at_a_time} at a time: {why}")
    step_seconds = batch * math.prod(patch) / means.rate
    steps, epochs = _length(config, grid, patch, batch, step_seconds, means)
    return Plan(
        recipe=make_recipe(fingerprint, grid.spacing).model_copy(update={"shrink": grid.shrink}),
        target=target,
        network=network,
        patch_size=patch,
        batch_size=batch,
        micro_batch=at_a_time if at_a_time < batch else None,
        ranks=ranks,
        precision=means.precision,
        threads=means.threads,
        ranks_per_node=_ranks_per_node(means.threads, reasons),
        epochs=epochs,
        steps_per_epoch=steps,
        validate_every=config.validate_every or max(1, epochs // VALIDATIONS),
        learning_rate=config.learning_rate or BASE_RATE[network.kind],
        step_seconds=step_seconds,
        epoch_seconds=steps * step_seconds,
        memory_bytes=int(memory),
        memory_limit_bytes=machine.memory_bytes,
        measured=False,
        reasons=tuple(reasons),
        settings=config.identity(),
    )


def _means(config: TrainConfig, machine: Machine, ranks: int, reasons: list[str]) -> Means:
    threads = config.threads or machine.cores
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if machine.bfloat16 else "float32"
        reasons.append(f"{precision}: the CPU has {'' if machine.bfloat16 else 'no '}bfloat16")
    seconds = config.time_budget * TRAINING_SHARE if config.time_budget else None
    rate = machine.voxels_per_second or PRIOR_RATE[precision] * threads
    means = Means(precision, threads, ranks, machine.memory_bytes * MEMORY_SHARE, rate, seconds)
    if means.voxels:
        reasons.append(f"{config.time_budget:.0f} s buy about {means.voxels / 1e6:.0f} Mvoxel")
    return means


def _ranks_per_node(threads: int, reasons: list[str]) -> int:
    """Ranks of at most `CORES_PER_RANK` cores that these threads would make."""
    ranks = math.ceil(threads / CORES_PER_RANK)
    if ranks > 1:
        reasons.append(
            f"{threads} cores are better shared by {ranks} ranks "
            f"(`python -m unet launch --ranks {ranks} -- train …` on one machine)"
        )
    return ranks


def _grid(
    config: TrainConfig,
    fingerprint: Fingerprint,
    training_cases: Sequence[str],
    budget: float | None,
    reasons: list[str],
) -> Grid:
    chosen = set(training_cases)
    cases = [case for case in fingerprint.cases if case.case in chosen]
    spacing = config.spacing or target_spacing(fingerprint)
    shapes = []
    for case in cases:
        factors = (1.0, 1.0, 1.0)
        if spacing and case.spacing:
            factors = tuple(t / s for t, s in zip(spacing, case.spacing, strict=True))
        shapes.append(grid_shape(case.cropped_shape, factors))
    known = next((case.spacing for case in cases if case.spacing), None)
    width = spacing or known or _width_by_shape(fingerprint.median_cropped_shape)
    grid = Grid(spacing, (1.0, 1.0, 1.0), width, tuple(shapes))
    if not budget or config.spacing:
        return grid
    factors = coarsen(shapes, width, budget * len(shapes) / WANTED_VIEWS)
    if max(factors) == 1:
        return grid
    x, y, z = (round(size * factor, 4) for size, factor in zip(width, factors, strict=True))
    text = " x ".join(f"{factor:.2f}" for factor in factors)
    reasons.append(f"grid coarser by {text}, so that {WANTED_VIEWS} whole cases are seen")
    # Some data sets mix cases of known and unknown spacing: each kind has its own field.
    return Grid(
        spacing=(x, y, z) if any(case.spacing for case in cases) else None,
        shrink=(1.0, 1.0, 1.0) if fingerprint.spacing_known else factors,
        width=(x, y, z),
        shapes=tuple(grid_shape(shape, factors) for shape in shapes),
    )


def _width_by_shape(shape: Sequence[int]) -> tuple[float, float, float]:
    """Relative spacing where it is unknown: bodies are about as long along every axis."""
    x, y, z = (max(shape) / n for n in shape)
    return (x, y, z)


def _network(
    config: TrainConfig,
    target: Target,
    fingerprint: Fingerprint,
    grid: Grid,
    means: Means,
    reasons: list[str],
) -> tuple[NetworkSpec, tuple[int, int, int], int]:
    """The network, its patch and its batch."""
    channels, filters = len(fingerprint.channels), config.filters or FILTERS
    if config.network == "course":
        network = course_spec(channels, target.outputs, filters, config.upsampling)
        patch, batch = course_size(
            grid.shapes,
            config.patch_size,
            config.batch_size,
            lambda voxels: _memory(network, voxels, grid, means) <= means.memory,
            reasons,
        )
        return network, patch, batch

    def spec(strides: Strides) -> NetworkSpec:
        levels = len(strides) + 1
        return NetworkSpec(
            channels=channels,
            outputs=target.outputs,
            strides=strides,
            filters=tuple(min(filters * 2**level, LARGEST_FILTERS) for level in range(levels)),
            upsampling=config.upsampling,
            supervised_levels=max(1, min(3, levels - 1)),
        )

    patch, strides, batch = _patch(config, grid, means, spec)
    if config.patch_size:
        reasons.append("patch as given")
    else:
        text = ["x".join(map(str, size)) for size in (patch, grid.median)]
        reasons.append(f"patch {text[0]} for a median case of {text[1]} voxels")
    return spec(strides), patch, batch


def _patch(
    config: TrainConfig, grid: Grid, means: Means, spec: Callable[[Strides], NetworkSpec]
) -> tuple[tuple[int, int, int], Strides, int]:
    """Patch, strides and batch: as given, else as large as memory and time allow."""
    batch = config.batch_size or (1 if means.voxels else BATCH)
    own = means.voxels / means.ranks if means.voxels else math.inf
    if config.patch_size:
        patch = config.patch_size
        strides = strides_for(patch, grid.width)
        while any(n % d for n, d in zip(patch, spec(strides).divisor, strict=True)):
            strides = strides[:-1]
        if not strides:
            given = ",".join(map(str, patch))
            raise UsageError("--patch-size", f"{given} cannot be halved", "give multiples of 8")
        return patch, strides, batch
    voxels = max(min(float(LARGEST_PATCH), own / WANTED_STEPS / batch), 16.0**3)
    patch, strides = fit_patch(grid.median, grid.width, voxels)
    while _memory(spec(strides), batch * math.prod(patch), grid, means) > means.memory:
        if voxels < 8.0**3:
            raise MemoryShortError(
                "memory",
                f"{means.memory / 2**30:.1f} GiB are too little for any patch",
                "give this process more",
            )
        voxels *= 0.8
        patch, strides = fit_patch(grid.median, grid.width, voxels)
    if config.batch_size:
        return patch, strides, batch
    if means.voxels:
        room = min(own / STEPS_FOR_BATCHES, 2.0 * LARGEST_PATCH) / math.prod(patch)
        batch = max(1, min(LARGEST_BATCH, int(room)))
    while (
        batch > 1 and _memory(spec(strides), batch * math.prod(patch), grid, means) > means.memory
    ):
        batch -= 1
    return patch, strides, batch


def _at_a_time(batch: int, recompute: bool, fits: Callable[[int], bool]) -> int:
    """Patches computed at a time: the largest divisor of the batch that fits, 1 at least."""
    if recompute:
        return 1
    return next((n for n in range(batch, 1, -1) if batch % n == 0 and fits(n)), 1)


def _memory(network: NetworkSpec, voxels: int, grid: Grid, means: Means) -> float:
    volume = BYTES_PER_VOLUME_VOXEL * grid.largest
    return estimate_bytes(network, voxels, means.precision) + volume


def _length(
    config: TrainConfig,
    grid: Grid,
    patch: Sequence[int],
    batch: int,
    step_seconds: float,
    means: Means,
) -> tuple[int, int]:
    """Steps an epoch and epochs: half of each case's voxels an epoch, at least one patch.

    The course's network keeps the course's epoch.
    """
    patches = len(grid.shapes) * max(1, round(grid.mean / math.prod(patch) / 2))
    steps = math.ceil(patches / (batch * means.ranks))
    if config.network == "course":
        steps = course_steps(len(grid.shapes), batch, means.ranks)
    steps = config.steps_per_epoch or steps
    if means.seconds is None or config.epochs:
        return steps, config.epochs or DEFAULT_EPOCHS
    if not config.steps_per_epoch:
        steps = max(1, min(steps, int(means.seconds / SHORTEST_RUN / step_seconds)))
    return steps, max(1, int(means.seconds / (steps * step_seconds)))
