"""What a training run was asked for: frozen, validated, and saved beside its results.

Three sources, the later wins: the plan (decided from data and machine), the
configuration file, the flags.  A field that is ``None`` is left to the plan.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from unet.system.errors import UsageError
from unet.system.settings import Flag, Settings
from unet.system.values import (
    CountOrAuto,
    Labels,
    Millimetres,
    Names,
    Positive,
    PositiveOrAuto,
    Seconds,
    Voxels,
    or_auto,
)

Mirror = Annotated[Literal["none", "left-right"] | None, BeforeValidator(or_auto)]
Modality = Annotated[Literal["ct", "other"] | None, BeforeValidator(or_auto)]

DATA = "data"
NETWORK = "network; what is not given is planned"
TRAINING = "training"
LIFE = "life of the run"

FREE_TO_CHANGE = {
    "output",
    "attempt",
    "resume",
    "threads",
    "checkpoint_minutes",
    "time_budget",
    "data_path",
    "cache",
    "groups",  # a run keeps its own split
    "epochs",
    "max_bad_cases",
    "validate_every",
    "keep",
    "batch_size",
    "patch_size",  # halved when an attempt ran out of memory
}
"""Settings in which a resumed run may differ from its checkpoint.

A setting that comes later is free to change, or its default is None and means what runs did before
it: so this release goes on with runs of older ones, and older ones with runs of this.
"""


class TrainSettings(Settings):
    """What `train` and `plan` can be told.  Sizes are in voxels, times in seconds."""

    from_file: ClassVar[bool] = True

    data_path: Annotated[Path, Flag("DIR", DATA, underscores_first=True)] = Field(
        description="folder with dataset.json"
    )
    output: Annotated[Path, Flag("DIR", DATA)] = Field(description="run folder, made when missing")
    channels: Annotated[Names, Flag("NAMES", DATA)] = Field(
        None, description="modalities by name, e.g. FLAIR,T1w"
    )
    region: Annotated[str | None, Flag("NAMES", DATA)] = Field(
        None, description="e.g. whole-tumour, or label names"
    )
    labels: Annotated[Labels, Flag("1,2", DATA)] = Field(
        None, description="label values, one output each"
    )
    split: Annotated[Literal["random", "course", "kfold"], Flag(None, DATA)] = Field(
        "random",
        description="which cases validate: a {default} share (default), those of Intel's course, "
        "or one fold",
    )
    fold: Annotated[int, Flag("I", DATA)] = Field(
        0, ge=0, description="fold held out (split kfold), from 0"
    )
    folds: Annotated[int, Flag("N", DATA)] = Field(
        5, ge=2, description="number of folds (default: {default})"
    )
    validation_fraction: Annotated[float, Flag("X", DATA)] = Field(
        0.15, gt=0, lt=1, description="share of the cases held out (default: {default})"
    )
    course_fractions: tuple[float, float] = Field(
        (0.85, 0.5), description="training's share of all cases, validation's of the rest (course)"
    )
    split_seed: Annotated[int | None, Flag("N", DATA)] = Field(
        None, ge=0, lt=2**31, description="of the split alone (default: 816)"
    )
    groups: Annotated[Path | None, Flag("FILE", DATA)] = Field(
        None, description="CSV of case,group: cases of one patient stay on one side of the split"
    )
    group_pattern: Annotated[str | None, Flag("REGEX", DATA)] = Field(
        None, description="the same by the cases' names: what its first group matches"
    )
    seed: Annotated[int, Flag("N", DATA)] = Field(
        816, ge=0, lt=2**31, description="of weights and patches (default: {default})"
    )
    max_bad_cases: Annotated[int, Flag("N", DATA)] = Field(
        0, ge=0, description="go on without up to N damaged cases (default: {default})"
    )
    cache: Annotated[Path | None, Flag("DIR", DATA)] = Field(
        None, description="prepared cases (default: OUTPUT/cache)"
    )

    network: Annotated[Literal["planned", "course"], Flag(None, NETWORK)] = Field(
        "planned", description="{default} from the data (default), or that of Intel's course"
    )
    filters: Annotated[int | None, Flag("N", NETWORK)] = Field(
        None, ge=1, le=512, description="feature maps of the first level (default: 16)"
    )
    upsampling: Annotated[bool, Flag(None, NETWORK)] = Field(
        False, description="nearest up-sampling in the decoder"
    )
    patch_size: Annotated[Voxels, Flag("D,H,W", NETWORK)] = Field(
        None, description="voxels of a patch, one number for all axes, or auto"
    )
    batch_size: Annotated[CountOrAuto, Flag("N|auto", NETWORK)] = Field(
        None, description="patches per rank and step"
    )
    spacing: Annotated[Millimetres, Flag("X,Y,Z", NETWORK)] = Field(
        None, description="mm of a voxel of the training grid (default: from the cases)"
    )
    modality: Annotated[Modality, Flag("auto|ct|other", NETWORK)] = Field(
        None, description="how values are normalised (default: by the channels' names and values)"
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16"], Flag(None, NETWORK)] = Field(
        "auto", description="default: {default}, the faster"
    )
    recompute: Annotated[bool, Flag(None, NETWORK)] = Field(
        False, description="compute one patch of the batch at a time: less memory, more time"
    )

    mirror: Annotated[Mirror, Flag("auto|none|left-right", TRAINING)] = Field(
        None, description="exchange left and right (default: unless labels keep to one side)"
    )
    epochs: Annotated[CountOrAuto, Flag("N", TRAINING)] = Field(
        None, description="default: 40, or by the budget"
    )
    steps_per_epoch: Annotated[CountOrAuto, Flag("N", TRAINING)] = Field(
        None, description="so many updates of the weights (default: each case's voxels by half)"
    )
    time_budget: Annotated[Seconds, Flag("20m", TRAINING)] = Field(
        None, description="finish the run within this time, restarts included"
    )
    learning_rate: Annotated[PositiveOrAuto, Flag("X", TRAINING)] = Field(
        None, description="for a global batch of 8; scaled to the real one"
    )
    validate_every: Annotated[CountOrAuto, Flag("EPOCHS", TRAINING)] = Field(
        None, description="score the validation cases so often (default: ten times a run)"
    )
    keep: Annotated[Literal["last", "best"], Flag(None, TRAINING)] = Field(
        "last",
        description="epoch whose averaged weights become the model: the {default} (default), for "
        "which validation cases choose nothing, or the one with the best validation Dice",
    )
    threads: Annotated[CountOrAuto, Flag("N", TRAINING)] = Field(
        None, description="per rank (default: OMP_NUM_THREADS, else cores)"
    )

    resume: Annotated[Literal["auto", "never"], Flag(None, LIFE)] = Field(
        "auto", description="default: {default}, from the newest checkpoint"
    )
    checkpoint_minutes: Annotated[Positive, Flag("N", LIFE)] = Field(
        5.0, description="also save within an epoch (default: every {default})"
    )
    attempt: Annotated[int, Flag("N", LIFE)] = Field(
        0, ge=0, description="fence number; older attempts stop writing"
    )

    @model_validator(mode="after")
    def _consistent(self) -> TrainSettings:
        if self.region is not None and self.labels is not None:
            raise UsageError("--region and --labels", "exclude each other", "give one of them")
        if self.fold >= self.folds:
            found = f"{self.fold}, but there are {self.folds} folds"
            raise UsageError("--fold", found, f"give 0 to {self.folds - 1}")
        return self

    def identity(self) -> dict[str, JsonValue]:
        """Returns the fields that a resumed run must share with its checkpoint."""
        fields: dict[str, JsonValue] = json.loads(self.model_dump_json(exclude=FREE_TO_CHANGE))
        return fields
