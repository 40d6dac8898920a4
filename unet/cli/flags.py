"""The flags that `train` and `plan` share, and how they become a `TrainConfig`.

A flag that was not given is absent, so that the configuration file and the plan decide.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from unet.planning.settings import TrainConfig, resolve


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Adds every flag of a training run, in groups."""
    parser.argument_default = argparse.SUPPRESS

    def group(title: str) -> Callable[..., argparse.Action]:
        return parser.add_argument_group(title).add_argument

    add = group("data")
    add("--data_path", "--data-path", type=Path, metavar="DIR", help="folder with dataset.json")
    add("--output", type=Path, metavar="DIR", help="run folder, made when missing")
    add("--channels", metavar="NAMES", help="modalities by name, e.g. FLAIR,T1w")
    add("--region", metavar="NAMES", help="e.g. whole-tumour, or label names")
    add("--labels", metavar="1,2", help="label values, one output each")
    add(
        "--split",
        choices=("random", "course", "kfold"),
        help="which cases validate: a random share (default), those of Intel's course, or one fold",
    )
    add("--fold", metavar="I", help="fold held out (split kfold), from 0")
    add("--folds", metavar="N", help="number of folds (default: 5)")
    add(
        "--validation-fraction",
        "--validation_fraction",
        metavar="X",
        help="share of the cases held out (default: 0.15)",
    )
    add("--seed", metavar="N", help="of split, weights and patches (default: 816)")
    add(
        "--max-bad-cases",
        "--max_bad_cases",
        metavar="N",
        help="go on without up to N damaged cases (default: 0)",
    )
    add("--cache", type=Path, metavar="DIR", help="prepared cases (default: OUTPUT/cache)")

    add = group("network; what is not given is planned")
    add(
        "--network",
        choices=("planned", "course"),
        help="planned from the data (default), or that of Intel's course",
    )
    add("--filters", metavar="N", help="feature maps of the first level (default: 16)")
    add("--upsampling", action="store_true", help="nearest up-sampling in the decoder")
    add(
        "--patch-size",
        "--patch_size",
        metavar="D,H,W",
        help="voxels of a patch, one number for all axes, or auto",
    )
    add("--batch-size", "--batch_size", metavar="N|auto", help="patches per rank and step")
    add(
        "--spacing",
        metavar="X,Y,Z",
        help="mm of a voxel of the training grid (default: from the cases)",
    )
    add("--precision", choices=("auto", "float32", "bfloat16"), help="default: auto, the faster")
    add(
        "--recompute",
        action="store_true",
        help="compute one patch of the batch at a time: less memory, more time",
    )

    add = group("training")
    add("--epochs", metavar="N", help="default: 40, or by the budget")
    add(
        "--steps-per-epoch",
        "--steps_per_epoch",
        metavar="N",
        help="so many updates of the weights (default: each case's voxels by half)",
    )
    add(
        "--time-budget",
        "--time_budget",
        metavar="20m",
        help="finish the run within this time, restarts included",
    )
    add(
        "--learning-rate",
        "--learning_rate",
        metavar="X",
        help="for a global batch of 8; scaled to the real one",
    )
    add(
        "--validate-every",
        "--validate_every",
        metavar="EPOCHS",
        help="score whole volumes so often (default: ten times a run)",
    )
    add("--threads", metavar="N", help="per rank (default: OMP_NUM_THREADS, else cores)")

    add = group("life of the run")
    add("--resume", choices=("auto", "never"), help="default: auto, from the newest checkpoint")
    add(
        "--checkpoint-minutes",
        "--checkpoint_minutes",
        metavar="N",
        help="also save within an epoch (default: every 5)",
    )
    add("--attempt", metavar="N", help="fence number; older attempts stop writing")
    add("--config", type=Path, metavar="FILE", help="YAML or JSON of these settings; flags win")


def config_from(args: argparse.Namespace) -> TrainConfig:
    """Builds the configuration from what was given.

    Raises:
        UsageError: a required setting is missing or a value is wrong.
    """
    given = {key: value for key, value in vars(args).items() if key in TrainConfig.model_fields}
    return resolve(given, getattr(args, "config", None))
