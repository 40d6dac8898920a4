"""From fingerprint, memory, cores and deadline to a plan. Pure: facts in, plan out.

Each question has a file of its own: `precision`, `resources`, `grid`, `network`,
`patch_size`, `batch_size`, `memory`, `epochs`, `recipe`, and `course_sizes` for the course's
network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

from unet.data.axes import Shape
from unet.data.regions import Target
from unet.planning.batch_size import choose_batch, choose_micro_batch, first_batch
from unet.planning.course_sizes import course_size
from unet.planning.decision import Decision, sides
from unet.planning.epochs import choose_length
from unet.planning.fingerprint import Fingerprint
from unet.planning.grid import Grid, choose_grid
from unet.planning.memory import MemoryBudget
from unet.planning.network import FILTERS, NetworkSpec, Strides, course_spec, planned_spec
from unet.planning.patch_size import choose_patch
from unet.planning.plan import Plan
from unet.planning.recipe import make_recipe
from unet.planning.resources import Resources, find_resources, ranks_per_node
from unet.planning.settings import TrainConfig
from unet.system.errors import MemoryShortError
from unet.system.machine import Machine

# Before scaling to the global batch, see unet.training.learning_rate.
BASE_RATE = {"planned": 3e-3, "course": 1e-3}


@dataclass(frozen=True)
class Sizes:
    """What a step computes: the network, the patch in voxels, patches per rank and step."""

    network: NetworkSpec
    patch_size: Shape
    batch_size: int


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
        target: the regions to segment.
        config: what was asked for.
        machine: of one rank.
        training_cases: ids; what a time budget buys is counted in views of them.
        ranks: that train together, each on a machine like `machine`.

    Raises:
        MemoryShortError: not even the smallest patch fits, or a given one does not.
        UsageError: a given patch does not suit the network.
    """
    found = find_resources(config, machine, ranks)
    resources = found.value
    gridded = choose_grid(fingerprint, training_cases, config.spacing, resources.voxels)
    grid = gridded.value
    memory = MemoryBudget(resources.memory_bytes, resources.precision, grid.largest)
    choose_sizes = _course_sizes if config.network == "course" else _planned_sizes
    sized = choose_sizes(config, target, len(fingerprint.channels), grid, resources, memory)
    sizes, voxels = sized.value, prod(sized.value.patch_size)
    sliced = choose_micro_batch(
        sizes.batch_size,
        config.recompute,
        lambda patches: memory.holds(sizes.network, patches * voxels),
    )
    peak = memory.needed(sizes.network, sliced.value * voxels)
    if peak > memory.limit:
        raise _too_large(sizes.patch_size, peak, machine)
    length = choose_length(config, grid, voxels, sizes.batch_size, resources)
    shared = ranks_per_node(resources.threads)
    decisions = (found, gridded, sized, sliced, shared)
    return Plan(
        recipe=make_recipe(fingerprint, grid.spacing).model_copy(update={"shrink": grid.shrink}),
        target=target,
        network=sizes.network,
        patch_size=sizes.patch_size,
        batch_size=sizes.batch_size,
        micro_batch=sliced.value if sliced.value < sizes.batch_size else None,
        ranks=ranks,
        precision=resources.precision,
        threads=resources.threads,
        ranks_per_node=shared.value,
        epochs=length.epochs,
        steps_per_epoch=length.steps,
        validate_every=length.validate_every,
        learning_rate=config.learning_rate or BASE_RATE[sizes.network.kind],
        step_seconds=length.step_seconds,
        epoch_seconds=length.steps * length.step_seconds,
        memory_bytes=int(peak),
        memory_limit_bytes=machine.memory_bytes,
        measured=False,
        reasons=tuple(reason for decision in decisions for reason in decision.reasons),
        settings=config.identity(),
    )


def _too_large(patch_size: Shape, peak: float, machine: Machine) -> MemoryShortError:
    return MemoryShortError(
        "--patch-size",
        f"one patch of {sides(patch_size)} needs about {peak / 2**30:.1f} GiB of "
        f"{machine.memory_bytes / 2**30:.1f} GiB",
        "give a smaller one, or leave it to the plan",
    )


def _course_sizes(
    config: TrainConfig,
    target: Target,
    channels: int,
    grid: Grid,
    resources: Resources,
    memory: MemoryBudget,
) -> Decision[Sizes]:
    network = course_spec(channels, target.outputs, config.filters or FILTERS, config.upsampling)
    size = course_size(
        grid.shapes, config.patch_size, config.batch_size, partial(memory.holds, network)
    )
    return Decision(Sizes(network, *size.value), size.reasons)


def _planned_sizes(
    config: TrainConfig,
    target: Target,
    channels: int,
    grid: Grid,
    resources: Resources,
    memory: MemoryBudget,
) -> Decision[Sizes]:
    def network_for(strides: Strides) -> NetworkSpec:
        return planned_spec(channels, target.outputs, strides, config.filters, config.upsampling)

    first = first_batch(config.batch_size, time_is_short=resources.voxels is not None)
    patch = choose_patch(
        config.patch_size, grid, first, resources.voxels_per_rank, memory, network_for
    )
    size, network = patch.value, network_for(patch.value.strides)
    batch = first
    if not config.patch_size and not config.batch_size:
        batch = choose_batch(
            first,
            size.voxels,
            resources.voxels_per_rank,
            lambda patches: memory.holds(network, patches * size.voxels),
        )
    return Decision(Sizes(network, size.size, batch), patch.reasons)
