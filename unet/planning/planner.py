"""From fingerprint, memory, cores and deadline to a plan. Pure: facts in, plan out.

Each question has a file of its own: `precision`, `resources`, `grid`, `network`,
`patch_size`, `batch_size`, `memory`, `epochs`, `recipe`, and `course_sizes` for the course's
network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from unet.planning.mirroring import choose_mirroring
from unet.planning.network import FILTERS, NetworkSpec, Strides, course_spec, planned_spec
from unet.planning.patch_size import choose_patch
from unet.planning.plan import Plan
from unet.planning.recipe import make_recipe
from unet.planning.resources import Resources, find_resources, ranks_per_node
from unet.planning.settings import TrainSettings
from unet.system.errors import MemoryShortError
from unet.system.machine import Machine

# Before scaling to the global batch, see unet.training.learning_rate.
BASE_RATE = {"planned": 3e-3, "course": 1e-3}


@dataclass(frozen=True)
class Given:
    """What the sizes of a step are decided from.

    Attributes:
        config: what was asked for.
        channels: of the input.
        outputs: channels of the logits.
        grid: that cases are trained on.
        resources: what may be spent.
    """

    config: TrainSettings
    channels: int
    outputs: int
    grid: Grid
    resources: Resources

    @property
    def memory(self) -> MemoryBudget:
        """What a rank may fill."""
        resources = self.resources
        return MemoryBudget(resources.memory_bytes, resources.precision, self.grid.largest)


@dataclass(frozen=True)
class Sizes:
    """What a step computes: the network, the patch in voxels, patches per rank and step."""

    network: NetworkSpec
    patch_size: Shape
    batch_size: int

    @property
    def patch_voxels(self) -> int:
        """Voxels of one patch."""
        return prod(self.patch_size)


def make_plan(
    fingerprint: Fingerprint,
    target: Target,
    config: TrainSettings,
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
        training_cases: ids; they alone decide, and a time budget buys views of them.
        ranks: that train together, each on a machine like `machine`.

    Raises:
        MemoryShortError: not even the smallest patch fits, or a given one does not.
        UsageError: a given patch does not suit the network.
    """
    fingerprint = fingerprint.of(training_cases)  # what is held out decides nothing
    resources = find_resources(config, machine, ranks, fingerprint.cases)
    grid = choose_grid(fingerprint, training_cases, config.spacing, resources.value.voxels)
    given = Given(config, len(fingerprint.channels), target.outputs, grid.value, resources.value)
    decided = course_step(given) if config.network == "course" else planned_step(given)
    sizes = decided.value
    micro_batch, memory_bytes = _slices(given, sizes, machine)
    length = choose_length(
        config, grid.value, sizes.patch_voxels, sizes.batch_size, given.resources
    )
    sharing = ranks_per_node(given.resources.threads)
    mirroring = choose_mirroring(fingerprint, target, config.mirror)
    recipe = make_recipe(fingerprint, grid.value.spacing, config.modality)
    decisions = (resources, recipe, grid, decided, micro_batch, sharing, mirroring)
    return Plan(
        recipe=recipe.value.model_copy(update={"shrink": grid.value.shrink}),
        voxel_width=grid.value.width,
        target=target,
        network=sizes.network,
        patch_size=sizes.patch_size,
        mirror_axes=mirroring.value,
        batch_size=sizes.batch_size,
        micro_batch=micro_batch.value if micro_batch.value < sizes.batch_size else None,
        ranks=ranks,
        precision=given.resources.precision,
        threads=given.resources.threads,
        ranks_per_node=sharing.value,
        epochs=length.epochs,
        steps_per_epoch=length.steps,
        validate_every=length.validate_every,
        learning_rate=config.learning_rate or BASE_RATE[sizes.network.kind],
        step_seconds=length.step_seconds,
        epoch_seconds=length.steps * length.step_seconds,
        memory_bytes=memory_bytes,
        memory_limit_bytes=machine.memory_bytes,
        measured=False,
        reasons=tuple(reason for decision in decisions for reason in decision.reasons),
        settings=config.identity(),
    )


def course_step(given: Given) -> Decision[Sizes]:
    """Network, patch and batch of the course, unless others are given or do not fit."""
    config = given.config
    filters = config.filters or FILTERS
    network = course_spec(given.channels, given.outputs, filters, config.upsampling)
    size = course_size(
        given.grid.shapes,
        config.patch_size,
        config.batch_size,
        lambda voxels: given.memory.holds(network, voxels),
    )
    return Decision(Sizes(network, *size.value), size.reasons)


def planned_step(given: Given) -> Decision[Sizes]:
    """Network, patch and batch as large as memory and time allow.

    The batch is settled last: a larger patch is worth more than a second one.
    """
    config, resources, memory = given.config, given.resources, given.memory

    def network_for(strides: Strides) -> NetworkSpec:
        return planned_spec(
            given.channels, given.outputs, strides, config.filters, config.upsampling
        )

    batch = first_batch(config.batch_size, time_is_short=resources.voxels is not None)
    patch = choose_patch(
        config.patch_size, given.grid, batch, resources.voxels_per_rank, memory, network_for
    )
    voxels, network = patch.value.voxels, network_for(patch.value.strides)
    if not config.patch_size and not config.batch_size:
        batch = choose_batch(
            batch,
            voxels,
            resources.voxels_per_rank,
            lambda patches: memory.holds(network, patches * voxels),
        )
    return Decision(Sizes(network, patch.value.size, batch), patch.reasons)


def _slices(given: Given, sizes: Sizes, machine: Machine) -> tuple[Decision[int], int]:
    """Patches computed at a time, and the peak memory of that in bytes.

    Raises:
        MemoryShortError: not even one patch fits.
    """
    memory, voxels = given.memory, sizes.patch_voxels
    micro_batch = choose_micro_batch(
        sizes.batch_size,
        given.config.recompute,
        lambda patches: memory.holds(sizes.network, patches * voxels),
    )
    peak = memory.needed(sizes.network, micro_batch.value * voxels)
    if peak > memory.limit:
        raise MemoryShortError(
            "--patch-size",
            f"one patch of {sides(sizes.patch_size)} needs about {peak / 2**30:.1f} GiB of "
            f"{machine.memory_bytes / 2**30:.1f} GiB",
            "give a smaller one, or leave it to the plan",
        )
    return micro_batch, int(peak)
