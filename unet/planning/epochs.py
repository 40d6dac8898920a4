"""How long a run is: steps of an epoch, and epochs from a time budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unet.planning.course_sizes import course_steps
from unet.planning.grid import Grid
from unet.planning.resources import Resources
from unet.planning.settings import TrainSettings

DEFAULT_EPOCHS = 40  # the course's
SHORTEST_RUN = 20  # epochs within a time budget, so that its end is met closely
SHORTEST_EPOCH = 1.0  # seconds of one within a time budget: each ends with a checkpoint
PATCH_SECONDS = 0.003  # of a patch, however small: to cut it out and to start a step's operations
VALIDATIONS = 10  # of a run, evenly spread over its epochs


@dataclass(frozen=True)
class Length:
    """How long a run is.

    Attributes:
        epochs: of the run.
        steps: of an epoch.
        validate_every: epochs between validations.
        step_seconds: expected.
    """

    epochs: int
    steps: int
    validate_every: int
    step_seconds: float


def choose_length(
    config: TrainSettings, grid: Grid, patch_voxels: int, batch: int, resources: Resources
) -> Length:
    """The run's length: as given, else as the time budget buys, else the course's 40 epochs.

    How many steps an epoch has follows from the speed that was planned with, and so does not
    change with what else the machine does; `unet.training.time_budget` counts the epochs anew
    by the clock.

    Args:
        config: may give epochs, steps of an epoch, and epochs between validations.
        grid: that cases are trained on.
        patch_voxels: of one patch.
        batch: patches per rank and step.
        resources: speed, ranks, and the seconds that a time budget leaves for training.
    """
    step_seconds = batch * (patch_voxels / resources.voxels_per_second + PATCH_SECONDS)
    if config.steps_per_epoch:
        steps = config.steps_per_epoch
    elif config.network == "course":
        steps = course_steps(len(grid.shapes), batch, resources.ranks)
    else:
        steps = planned_steps(grid, patch_voxels, batch, resources.ranks)
    if resources.seconds is None or config.epochs:
        epochs = config.epochs or DEFAULT_EPOCHS
    else:
        if not config.steps_per_epoch:
            shortest = int(SHORTEST_EPOCH / step_seconds)
            longest = int(resources.seconds / SHORTEST_RUN / step_seconds)
            steps = max(1, shortest, min(steps, longest))
        epochs = max(1, int(resources.seconds / (steps * step_seconds)))
    validate_every = config.validate_every or max(1, epochs // VALIDATIONS)
    return Length(epochs, steps, validate_every, step_seconds)


def planned_steps(grid: Grid, patch_voxels: int, batch: int, ranks: int) -> int:
    """Steps of an epoch that takes half of each case's voxels, at least one patch of each."""
    patches = len(grid.shapes) * max(1, round(grid.mean / patch_voxels / 2))
    return math.ceil(patches / (batch * ranks))
