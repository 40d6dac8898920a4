"""Decide patch, batch, network, precision and time, and say why.

Reads every case once, measures a few steps on this machine, and prints the plan that
`train` with the same flags would follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unet import api
from unet.cli.command import Command
from unet.planning.settings import TrainSettings

if TYPE_CHECKING:
    from unet.planning.plan import Plan


def run(settings: TrainSettings, as_json: bool) -> int:
    """Prints the plan and leaves it in the run folder."""
    plan = api.plan(settings, progress=not as_json)
    print(plan.model_dump_json(indent=1) if as_json else summary(plan))
    return 0


def summary(plan: Plan) -> str:
    """The plan in a few lines for people."""
    from unet.system.progress import short_duration

    network, gibibyte = plan.network, 2**30
    lines = [
        f"patch          {' x '.join(map(str, plan.patch_size))} voxels, batch {plan.batch_size}",
        f"grid           {plan.recipe.spacing or 'as stored'} mm, shrunk {plan.recipe.shrink}",
        f"network        {len(network.filters)} levels, filters {network.filters}",
        f"precision      {plan.precision}, {plan.threads} threads, {plan.ranks} rank(s)",
        f"epochs         {plan.epochs} of {plan.steps_per_epoch} steps, "
        f"{short_duration(plan.epoch_seconds)} each",
        f"peak memory    {plan.memory_bytes / gibibyte:.2f} GiB "
        f"of {plan.memory_limit_bytes / gibibyte:.1f} GiB",
    ]
    return "\n".join([*lines, *(f"  because      {reason}" for reason in plan.reasons)])


COMMAND = Command(TrainSettings, run, json="print the plan as JSON")
