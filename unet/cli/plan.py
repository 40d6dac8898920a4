"""Decide patch, batch, network, precision and time, and say why.

Reads every case once, measures a few steps on this machine, and prints the plan that
`train` with the same flags would follow.
"""

from __future__ import annotations

import argparse

from unet.cli.flags import add_training_flags, config_from
from unet.parallel.comm import Solo
from unet.planning.task import read_task
from unet.system.progress import Reporter, short_duration
from unet.system.quiet_import import import_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    add_training_flags(parser)
    parser.add_argument("--json", action="store_true", default=False, help="print the plan as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the plan and leaves it in the run folder."""
    config = config_from(args)
    read_task(config)  # what dataset.json alone shows to be wrong is refused at once
    import_tensorflow()
    from unet.training.pipeline import plan_only

    plan = plan_only(config, Solo(), Reporter(rank=1 if args.json else 0))
    if args.json:
        print(plan.model_dump_json(indent=1))
        return 0
    network = plan.network
    print(f"patch          {' x '.join(map(str, plan.patch_size))} voxels, batch {plan.batch_size}")
    print(f"grid           {plan.recipe.spacing or 'as stored'} mm, shrunk {plan.recipe.shrink}")
    print(f"network        {len(network.filters)} levels, filters {network.filters}")
    print(f"precision      {plan.precision}, {plan.threads} threads, {plan.ranks} rank(s)")
    print(
        f"epochs         {plan.epochs} of {plan.steps_per_epoch} steps, "
        f"{short_duration(plan.epoch_seconds)} each"
    )
    print(
        f"peak memory    {plan.memory_bytes / 2**30:.2f} GiB "
        f"of {plan.memory_limit_bytes / 2**30:.1f} GiB"
    )
    for reason in plan.reasons:
        print(f"  because      {reason}")
    return 0
