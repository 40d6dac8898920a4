"""The flags of the course's commands, and what each of them sets: one table.

The names are those of the 3D U-Net's `argparser.py` of 2019; the aliases are what its
TensorFlow 2 edition called them.  All three commands share them, as they did there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from unet.course.channels import first_channels
from unet.data.dataset import Dataset
from unet.planning.course_sizes import BATCH, DIVISOR, PATCH
from unet.system.errors import UsageError
from unet.system.machine import usable_cores
from unet.system.settings import Flag, Settings

SUFFIXES = (".hdf5", ".h5")
FILES, TRAINING, NETWORK, THREADS = "files", "training", "network", "threads"


@dataclass(frozen=True)
class Sets:
    """What a flag of the course is among our own settings.

    Attributes:
        setting: its name in `TrainSettings`.
        value: what it becomes there, given all flags and the data set; by default itself.
    """

    setting: str
    value: Callable[[CourseFlags, Dataset], object] | None = None


def flag(names: str, group: str, metavar: str | None = "X") -> Flag:
    """A flag of the course: its name and later names, parted by spaces."""
    return Flag(metavar, group, tuple(f"--{name}" for name in names.split()))


PATCH_SIZE = Sets("patch_size", lambda flags, _: flags.patch_size)
FRACTIONS = Sets(
    "course_fractions", lambda flags, _: (flags.train_test_split, flags.validate_test_split)
)


class CourseFlags(Settings):
    """What was asked for; what is not in `model_fields_set` was not given."""

    data_path: Annotated[Path, flag("data_path", FILES), Sets("data_path")] = Field(
        Path("../../data/decathlon/Task01_BrainTumour/"),
        description="folder with dataset.json (default: the course's)",
    )
    saved_model: Annotated[
        Path, flag("saved_model", FILES), Sets("output", lambda flags, _: flags.runs)
    ] = Field(
        Path("./saved_model/3d_unet_decathlon.hdf5"),
        description="the model file (default: ./{default})",
    )
    saved_model_name: Annotated[Path | None, flag("saved_model_name", FILES)] = Field(
        None, repr=False, description="the same, .hdf5 added where it is missing"
    )
    max_bad_cases: Annotated[int, flag("max_bad_cases", FILES), Sets("max_bad_cases")] = Field(
        0,
        ge=0,
        description="go on without up to X damaged cases (default: {default}; not the course's)",
    )

    bz: Annotated[int | None, flag("bz batch_size", TRAINING), Sets("batch_size")] = Field(
        None, ge=1, description=f"patches per rank and step (default: {BATCH})"
    )
    patch_height: Annotated[int | None, flag("patch_height tile_height", TRAINING), PATCH_SIZE] = (
        Field(
            None,
            ge=DIVISOR,
            multiple_of=DIVISOR,
            description=f"voxels, a multiple of {DIVISOR} (default: {PATCH})",
        )
    )
    patch_width: Annotated[int | None, flag("patch_width tile_width", TRAINING), PATCH_SIZE] = (
        Field(None, ge=DIVISOR, multiple_of=DIVISOR, description="likewise")
    )
    patch_depth: Annotated[int | None, flag("patch_depth tile_depth", TRAINING), PATCH_SIZE] = (
        Field(None, ge=DIVISOR, multiple_of=DIVISOR, description="likewise")
    )
    epochs: Annotated[int, flag("epochs", TRAINING), Sets("epochs")] = Field(
        40, ge=1, description="default: {default}"
    )
    lr: Annotated[float, flag("lr", TRAINING), Sets("learning_rate")] = Field(
        0.01, gt=0, allow_inf_nan=False, description="learning rate (default: {default})"
    )
    random_seed: Annotated[int, flag("random_seed", TRAINING), Sets("seed")] = Field(
        816,
        ge=0,
        lt=2**31,
        description="of weights and patches, not of the split (default: {default})",
    )
    train_test_split: Annotated[float, flag("train_test_split", TRAINING), FRACTIONS] = Field(
        0.85, gt=0, lt=1, description="training's share of the cases (default: {default})"
    )
    validate_test_split: Annotated[float, flag("validate_test_split", TRAINING), FRACTIONS] = Field(
        0.5, ge=0, le=1, description="validation's share of the others (default: {default})"
    )

    featuremaps: Annotated[int, flag("featuremaps filters", NETWORK), Sets("filters")] = Field(
        16, ge=1, le=512, description="feature maps of the first level (default: {default})"
    )
    use_upsampling: Annotated[bool, flag("use_upsampling", NETWORK, None), Sets("upsampling")] = (
        Field(False, description="up-sampling instead of transposed convolution")
    )
    number_input_channels: Annotated[
        int,
        flag("number_input_channels", NETWORK),
        Sets("channels", lambda flags, data: first_channels(flags.number_input_channels, data)),
    ] = Field(1, ge=1, description="1: FLAIR alone (default); N: the first N modalities")
    number_output_classes: Annotated[int, flag("number_output_classes", NETWORK)] = Field(
        1, ge=1, le=1, description="1: all labels are one region"
    )
    print_model: Annotated[bool, flag("print_model", NETWORK, None)] = Field(
        False, description="print the network's layers"
    )

    intraop_threads: Annotated[
        int | None,
        flag("intraop_threads", THREADS),
        Sets("threads", lambda flags, _: flags.intraop_threads or usable_cores()),
    ] = Field(None, ge=1, description="threads per rank (default: OMP_NUM_THREADS, else all cores)")
    interop_threads: Annotated[int | None, flag("interop_threads", THREADS)] = Field(
        None, ge=1, description="accepted; one operation runs at a time"
    )
    blocktime: Annotated[int | None, flag("blocktime", THREADS)] = Field(
        None, ge=0, description="accepted; TensorFlow's threads are not OpenMP's"
    )
    keras_api: Annotated[bool, flag("keras_api", THREADS, None)] = Field(
        True, description="accepted; there is one Keras now"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, given: dict[str, object]) -> dict[str, object]:
        """Takes `saved_model_name` for `saved_model`."""
        others = {key: value for key, value in given.items() if key != "saved_model_name"}
        name = given.get("saved_model_name")
        if name is None:
            return others
        if "saved_model" in given:
            raise UsageError("--saved_model_name", "given beside --saved_model", "give one of them")
        file = Path(str(name))
        known = file.suffix in SUFFIXES
        return others | {"saved_model": file if known else file.with_name(file.name + SUFFIXES[0])}

    @property
    def runs(self) -> Path:
        """Folder beside the model file that holds a run for each set of settings."""
        return self.saved_model.parent / f"{self.saved_model.stem}_run"

    @property
    def patch_size(self) -> tuple[int, int, int] | None:
        """Height, width, depth in voxels; None when not one of them was given."""
        given = self.patch_height, self.patch_width, self.patch_depth
        if given == (None, None, None):
            return None
        height, width, depth = (PATCH if side is None else side for side in given)
        return height, width, depth


REMEDIES = {
    "number_output_classes": "leave it at 1; `python -m unet train --labels 1,2,3` trains more",
}
"""What to do about a wrong value, by flag."""


def sets_of(name: str) -> Sets | None:
    """What a flag sets, None for one that is accepted and sets nothing."""
    metadata = CourseFlags.model_fields[name].metadata
    return next((item for item in metadata if isinstance(item, Sets)), None)


def translated(flags: CourseFlags, dataset: Dataset) -> dict[str, object]:
    """Our settings by name, as the flags ask for them.

    Raises:
        UsageError: the data set has fewer modalities than asked for.
    """
    settings: dict[str, object] = {}
    for name in CourseFlags.model_fields:
        sets = sets_of(name)
        if sets is not None:
            settings[sets.setting] = (
                sets.value(flags, dataset) if sets.value else getattr(flags, name)
            )
    return settings
