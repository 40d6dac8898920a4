"""Decide patch, batch, network, precision and time, and say why.

Reads every case once, measures a few steps on this machine, and prints the plan that
`train` with the same flags would follow.
"""

from __future__ import annotations

import argparse

from unet.cli.flags import add_training_flags, config_from
from unet.data.channels import pick_channels
from unet.data.msd import load_dataset
from unet.data.regions import make_target
from unet.data.split import make_split
from unet.parallel.solo import Solo
from unet.planning.settings import TrainConfig
from unet.system.progress import Reporter, short_duration
from unet.system.tensorflow_import import import_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    add_training_flags(parser)
    parser.add_argument("--json", action="store_true", default=False, help="print the plan as JSON")


def require_data(config: TrainConfig) -> None:
    """Refuses what dataset.json alone shows to be wrong, before TensorFlow is loaded.

    Raises:
        DataError, UsageError: as those who read it do.
    """
    dataset = load_dataset(config.data_path)
    pick_channels(dataset, config.channels)
    make_target(dataset, config.region, config.labels)
    make_split(
        dataset,
        config.split,
        seed=config.seed,
        validation_fraction=config.validation_fraction,
        fold=config.fold,
        folds=config.folds,
        course_fractions=config.course_fractions,
    )


def run(args: argparse.Namespace) -> int:
    """Prints the plan and leaves it in the run folder."""
    config = config_from(args)
    require_data(config)
    import_tensorflow()
    from unet.training.pipeline import plan_only

    plan = plan_only(config, Solo(), Reporter.silent() if args.json else Reporter())
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
