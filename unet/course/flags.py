"""The flags of the course's commands, with its names, defaults and later aliases.

The names are those of the 3D U-Net's `argparser.py` of 2019; the aliases are what its
TensorFlow 2 edition called them.  All three commands share them, as they did there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unet.cli.main import Parser
from unet.planning.course_sizes import BATCH, DIVISOR, PATCH
from unet.system.errors import UsageError

SUFFIXES = (".hdf5", ".h5")


class CourseFlags(BaseModel):
    """What was asked for; `None` and what is not in `model_fields_set` was not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bz: int | None = Field(None, ge=1)
    patch_height: int | None = Field(None, ge=DIVISOR, multiple_of=DIVISOR)
    patch_width: int | None = Field(None, ge=DIVISOR, multiple_of=DIVISOR)
    patch_depth: int | None = Field(None, ge=DIVISOR, multiple_of=DIVISOR)
    lr: float = Field(0.01, gt=0, allow_inf_nan=False)
    featuremaps: int = Field(16, ge=1, le=512)
    train_test_split: float = Field(0.85, gt=0, lt=1)
    validate_test_split: float = Field(0.5, ge=0, le=1)
    epochs: int = Field(40, ge=1)
    intraop_threads: int | None = Field(None, ge=1)
    interop_threads: int | None = Field(None, ge=1)
    blocktime: int | None = Field(None, ge=0)
    keras_api: bool = True
    use_upsampling: bool = False
    number_input_channels: int = Field(1, ge=1)
    number_output_classes: int = Field(1, ge=1, le=1)
    print_model: bool = False
    data_path: Path = Path("../../data/decathlon/Task01_BrainTumour/")
    saved_model: Path = Path("./saved_model/3d_unet_decathlon.hdf5")
    max_bad_cases: int = Field(0, ge=0)
    random_seed: int = Field(816, ge=0, lt=2**31)

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


def make_parser(prog: str, description: str) -> argparse.ArgumentParser:
    """The parser of one of the commands.  Flags may be shortened, as they could be."""
    parser = Parser(
        prog=prog,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )

    def group(title: str, *flags: tuple[str, type | None, str]) -> None:
        add = parser.add_argument_group(title).add_argument
        for names, kind, text in flags:
            first, *aliases = names.split()
            how = {"action": "store_true"} if kind is None else {"type": kind, "metavar": "X"}
            add(f"--{first}", *(f"--{alias}" for alias in aliases), help=text, **how)

    group(
        "files",
        ("data_path", Path, "folder with dataset.json (default: the course's)"),
        ("saved_model", Path, "the model file (default: ./saved_model/3d_unet_decathlon.hdf5)"),
        ("saved_model_name", Path, "the same, .hdf5 added where it is missing"),
        (
            "max_bad_cases",
            int,
            "go on without up to X damaged cases (default: 0; not the course's)",
        ),
    )
    group(
        "training",
        ("bz batch_size", int, f"patches per rank and step (default: {BATCH})"),
        ("patch_height tile_height", int, f"voxels, a multiple of {DIVISOR} (default: {PATCH})"),
        ("patch_width tile_width", int, "likewise"),
        ("patch_depth tile_depth", int, "likewise"),
        ("epochs", int, "default: 40"),
        ("lr", float, "learning rate (default: 0.01)"),
        ("random_seed", int, "of weights and patches, not of the split (default: 816)"),
        ("train_test_split", float, "training's share of the cases (default: 0.85)"),
        ("validate_test_split", float, "validation's share of the others (default: 0.5)"),
    )
    group(
        "network",
        ("featuremaps filters", int, "feature maps of the first level (default: 16)"),
        ("use_upsampling", None, "up-sampling instead of transposed convolution"),
        ("number_input_channels", int, "1: FLAIR alone (default); N: the first N modalities"),
        ("number_output_classes", int, "1: all labels are one region"),
        ("print_model", None, "print the network's layers"),
    )
    group(
        "threads",
        ("intraop_threads", int, "threads per rank (default: OMP_NUM_THREADS, else all cores)"),
        ("interop_threads", int, "accepted; one operation runs at a time"),
        ("blocktime", int, "accepted; TensorFlow's threads are not OpenMP's"),
        ("keras_api", None, "accepted; there is one Keras now"),
    )
    return parser


def parse_flags(prog: str, description: str, argv: Sequence[str] | None = None) -> CourseFlags:
    """Reads the command line.

    Raises:
        UsageError: a flag is unknown or its value makes no sense.
    """
    given = vars(make_parser(prog, description).parse_args(argv))
    name = given.pop("saved_model_name", None)
    if name is not None and "saved_model" in given:
        raise UsageError("--saved_model_name", "given beside --saved_model", "give one of them")
    if name is not None:
        known = name.suffix in SUFFIXES
        given["saved_model"] = name if known else name.with_name(name.name + SUFFIXES[0])
    try:
        return CourseFlags.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        found = f"{first['input']}, but it {_lower(first['msg'])}"
        remedy = REMEDIES.get(field, f"see `python {prog} --help`")
        raise UsageError(f"--{field}", found, remedy) from None


def _lower(message: str) -> str:
    return message.replace("Input should", "should")
