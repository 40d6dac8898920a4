"""The flags that `train` and `plan` share, and how they become a `TrainConfig`.

A flag that was not given is absent, so that the configuration file and the plan decide.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from unet.config import TrainConfig, parse_duration, resolve
from unet.errors import UsageError


def _triple(kind: type[int] | type[float]) -> Callable[[str], tuple[float, ...] | None]:
    def parse(text: str) -> tuple[float, ...] | None:
        if text == "auto":
            return None
        parts = text.replace("x", ",").split(",")
        try:
            values = tuple(kind(part) for part in parts)
        except ValueError:
            values = ()
        if len(values) == 1:
            values *= 3
        if len(values) != 3:
            raise argparse.ArgumentTypeError(f"{text!r} is not D,H,W")
        return values

    return parse


def _number_or_auto(kind: type[int] | type[float]) -> Callable[[str], float | None]:
    def parse(text: str) -> float | None:
        try:
            return None if text == "auto" else kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number and not auto") from None

    return parse


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1,2,3") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Adds every flag of a training run, in groups."""
    parser.argument_default = argparse.SUPPRESS

    def group(title: str) -> Callable[..., argparse.Action]:
        return parser.add_argument_group(title).add_argument

    add = group("data")
    add("--data_path", "--data-path", type=Path, metavar="DIR", help="folder with dataset.json")
    add("--output", type=Path, metavar="DIR", help="run folder, made when missing")
    add("--channels", type=_names, metavar="NAMES", help="modalities by name, e.g. FLAIR,T1w")
    add("--region", metavar="NAMES", help="e.g. whole-tumour, or label names")
    add("--labels", type=_numbers, metavar="1,2", help="label values, one output each")
    add("--split", choices=("random", "course", "kfold"), help="default: random")
    add("--fold", type=int, metavar="I", help="fold held out (split kfold), from 0")
    add("--folds", type=int, metavar="N", help="number of folds (default: 5)")
    add("--validation-fraction", "--validation_fraction", type=float, metavar="X",
        help="share of the cases held out (default: 0.15)")  # fmt: skip
    add("--seed", type=int, help="of split, weights and patches (default: 816)")
    add("--max-bad-cases", "--max_bad_cases", type=int, metavar="N",
        help="go on without up to N damaged cases (default: 0)")  # fmt: skip
    add("--cache", type=Path, metavar="DIR", help="prepared cases (default: OUTPUT/cache)")

    add = group("network; what is not given is planned")
    add("--network", choices=("planned", "course"), help="default: planned")
    add("--filters", type=int, metavar="N", help="feature maps of the first level (default: 16)")
    add("--upsampling", action="store_true", help="nearest up-sampling in the decoder")
    add("--patch-size", "--patch_size", type=_triple(int), metavar="D,H,W", help="voxels")
    add("--batch-size", "--batch_size", type=_number_or_auto(int), metavar="N|auto",
        help="patches per rank and step")  # fmt: skip
    add("--spacing", type=_triple(float), metavar="X,Y,Z", help="mm of the training grid")
    add("--precision", choices=("auto", "float32", "bfloat16"), help="default: auto, the faster")

    add = group("training")
    add("--epochs", type=_number_or_auto(int), metavar="N", help="default: 40, or by the budget")
    add("--steps-per-epoch", "--steps_per_epoch", type=int, metavar="N", help="planned")
    add("--time-budget", "--time_budget", type=parse_duration, metavar="20m",
        help="finish the whole command within this time")  # fmt: skip
    add("--learning-rate", "--learning_rate", type=float, metavar="X", help="base rate; planned")
    add("--validate-every", "--validate_every", type=int, metavar="EPOCHS", help="planned")
    add("--threads", type=int, metavar="N", help="per rank (default: OMP_NUM_THREADS, else cores)")

    add = group("life of the run")
    add("--resume", choices=("auto", "never"), help="default: auto, from the newest checkpoint")
    add("--checkpoint-minutes", "--checkpoint_minutes", type=float, metavar="N", help="default: 5")
    add("--attempt", type=int, metavar="N", help="fence number; older attempts stop writing")
    add("--config", type=Path, metavar="FILE", help="YAML or JSON of these settings; flags win")


def config_from(args: argparse.Namespace) -> TrainConfig:
    """Builds the configuration from what was given.

    Raises:
        UsageError: a required setting is missing or a value is wrong.
    """
    given = {key: value for key, value in vars(args).items() if key in TrainConfig.model_fields}
    config_file = getattr(args, "config", None)
    if config_file is None:
        for name in ("data_path", "output"):
            if name not in given:
                raise UsageError(f"--{name}", "not given", "name a folder")
    return resolve(given, config_file)
