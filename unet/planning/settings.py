"""What a training run was asked for: frozen, validated, and saved beside its results.

Three sources, the later wins: the plan (decided from data and machine), the
configuration file, the flags.  A field that is ``None`` is left to the plan.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from unet.system.errors import UsageError
from unet.system.values import (
    CountOrAuto,
    Labels,
    Millimetres,
    Names,
    Positive,
    PositiveOrAuto,
    Seconds,
    Voxels,
)


class TrainConfig(BaseModel):
    """Everything `unet train` can be told.  Sizes are in voxels, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_path: Path = Field(description="folder that holds dataset.json")
    output: Path = Field(description="run folder: plan, cache, checkpoints, model, logs")
    channels: Names = Field(None, description="names from dataset.json's modality")
    region: str | None = Field(None, description="region or label names, comma-separated")
    labels: Labels = Field(None, description="label values, one output each")
    split: Literal["random", "course", "kfold"] = "random"
    fold: int = Field(0, ge=0, description="the fold held out for validation (split kfold)")
    folds: int = Field(5, ge=2)
    validation_fraction: float = Field(0.15, gt=0, lt=1)
    course_fractions: tuple[float, float] = Field(
        (0.85, 0.5), description="training's share of all cases, validation's of the rest (course)"
    )
    seed: int = Field(816, ge=0, lt=2**31)
    network: Literal["planned", "course"] = "planned"
    filters: int | None = Field(None, ge=1, le=512, description="feature maps of the first level")
    upsampling: bool = Field(False, description="nearest up-sampling, not transposed convolution")
    epochs: CountOrAuto = None
    steps_per_epoch: CountOrAuto = None
    batch_size: CountOrAuto = Field(None, description="patches per rank and step")
    patch_size: Voxels = None
    spacing: Millimetres = Field(None, description="mm of the training grid")
    learning_rate: PositiveOrAuto = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    recompute: bool = Field(False, description="recompute activations: less memory, more time")
    threads: CountOrAuto = Field(None, description="TensorFlow threads per rank")
    time_budget: Seconds = Field(None, description="seconds for the whole command, or as 20m")
    resume: Literal["auto", "never"] = "auto"
    attempt: int = Field(0, ge=0, description="fence number of this life of the run")
    checkpoint_minutes: Positive = 5.0
    max_bad_cases: int = Field(0, ge=0)
    validate_every: CountOrAuto = Field(None, description="epochs between validations")
    cache: Path | None = Field(None, description="prepared cases; default OUTPUT/cache")

    @model_validator(mode="after")
    def _consistent(self) -> TrainConfig:
        if self.region is not None and self.labels is not None:
            raise UsageError("--region and --labels", "exclude each other", "give one of them")
        if self.fold >= self.folds:
            found = f"{self.fold}, but there are {self.folds} folds"
            raise UsageError("--fold", found, f"give 0 to {self.folds - 1}")
        return self

    def identity(self) -> dict[str, JsonValue]:
        """Returns the fields that a resumed run must share with its checkpoint."""
        free = {
            "output",
            "attempt",
            "resume",
            "threads",
            "checkpoint_minutes",
            "time_budget",
            "data_path",
            "cache",
            "epochs",
            "max_bad_cases",
            "validate_every",
            "batch_size",
            "patch_size",  # halved when an attempt ran out of memory
        }
        return json.loads(self.model_dump_json(exclude=free))


def read_config_file(path: Path) -> dict[str, object]:
    """Reads a YAML or JSON configuration file and refuses unknown keys.

    Raises:
        UsageError: the file is missing, not a mapping, or has an unknown key;
            the message proposes the nearest known one.
    """
    try:
        loaded = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UsageError(f"--config {path}", error.strerror or str(error), "check it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise UsageError(f"--config {path}", line, "write it as YAML or JSON") from error
    if not isinstance(loaded, dict):
        raise UsageError(f"--config {path}", "not a mapping", "write it as `key: value` lines")
    known = set(TrainConfig.model_fields)
    for key in loaded:
        if str(key).replace("-", "_") not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
            raise UsageError(f"--config {path}: {key}", "unknown key", f"did you mean {near}?")
    return {str(key).replace("-", "_"): value for key, value in loaded.items()}


def resolve(flags: dict[str, object], config_file: Path | None) -> TrainConfig:
    """Merges flags over the configuration file.

    Args:
        flags: only what was given on the command line.

    Raises:
        UsageError: a value is out of range, of a wrong type, or contradicts another.
    """
    merged = (read_config_file(config_file) if config_file else {}) | flags
    for name in ("data_path", "output"):
        if merged.get(name) is None:
            raise UsageError(f"--{name}", "not given", "name a folder")
    try:
        return TrainConfig.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        where = f"--{name.replace('_', '-')}"
        if name not in flags:
            where = f"--config {config_file}: {name}"
        expected = str(first["msg"]).removeprefix("Value error, ").replace("Input", "it")
        expected = expected.partition(", unable to parse")[0]
        found = f"{first['input']}, but {expected}"
        raise UsageError(where, found, "see `python -m unet train --help`") from None
