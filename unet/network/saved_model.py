"""A trained model on its own: one file that says everything inference needs.

A training writes it twice, with the same weights and the same `About`: in our own form
(`unet.network.safetensors_file`) and in the course's (`unet.network.hdf5_file`), which Keras alone
can load.  About holds the plan, the split and the names, so a file may be moved away from its run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from unet.data.recipe import Recipe
from unet.data.regions import Target
from unet.data.split import Split
from unet.network.hdf5_file import read_hdf5, write_hdf5
from unet.network.model import build_network, portable_network
from unet.network.safetensors_file import SUFFIX, read_safetensors, write_safetensors
from unet.planning.plan import Plan
from unet.system.errors import DataError
from unet.system.os_error import while_reading, while_writing

OWN_FILE = f"unet3d{SUFFIX}"
COURSE_FILE = "3d_unet_decathlon.hdf5"
# Looked for below a given folder, in this order.
PLACES = ("", *(f"{folder}{name}" for name in (OWN_FILE, COURSE_FILE) for folder in ("", "model/")))

Weights = list[NDArray[np.float32]]


class About(BaseModel):
    """What is written beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Plan
    split: Split | None
    dataset_name: str
    channel_names: tuple[str, ...]
    validation_dice: float | None = None
    epoch: int | None = None
    keep: Literal["last", "best"] = "best"
    """Whether the epoch is the last, or that of the best validation Dice, as in older releases."""


@dataclass(frozen=True)
class SavedModel:
    """A trained model and what it was trained for.

    Attributes:
        path: of the file it was read from.
        weights: in the order of the network's, without deep supervision's extra heads.
    """

    path: Path
    about: About
    weights: Weights

    @property
    def plan(self) -> Plan:
        """The plan it was trained by."""
        return self.about.plan

    @property
    def target(self) -> Target:
        """Its regions."""
        return self.plan.target

    @property
    def recipe(self) -> Recipe:
        """How a case must be prepared for it."""
        return self.plan.recipe

    @property
    def epoch_chosen_on(self) -> tuple[str, ...]:
        """Cases whose validation Dice chose its epoch; none where the last was kept."""
        chosen = self.about.keep == "best" and self.about.validation_dice is not None
        return self.split.validation if chosen and self.split else ()

    @property
    def split(self) -> Split | None:
        """The split it was trained with."""
        return self.about.split

    @property
    def dataset_name(self) -> str:
        """The data set's name."""
        return self.about.dataset_name

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of its input channels, in order."""
        return self.about.channel_names

    def model(self, patch_size: tuple[int, int, int] | None = None) -> keras.Model:
        """Builds the network with the trained weights.

        Returns:
            float32 ``[N, d, h, w, C]`` -> logits float32 ``[N, d, h, w, outputs]``.
        """
        model = build_network(self.plan.network, self.plan.precision, patch_size)
        model.set_weights(self.weights)
        return model


def save_model(path: Path, about: About, weights: Weights) -> None:
    """Writes a model file, whole or not at all, in the form that its suffix names.

    Args:
        path: ends with .safetensors for our own form; any other is the course's HDF5.
        weights: of the network without deep supervision's extra heads.

    Raises:
        DiskError: the disk is full or not writable.
    """
    network = about.plan.network
    try:
        if path.suffix == SUFFIX:
            names = [variable.path for variable in build_network(network).weights]
            named = dict(zip(names, weights, strict=True))
            write_safetensors(path, about.model_dump_json(), named)
        else:
            model = portable_network(network, about.plan.target.activation)
            model.set_weights(weights)
            write_hdf5(path, about.model_dump_json(), model)
    except OSError as error:
        raise while_writing(path, error) from error


def load_model(path: str | Path) -> SavedModel:
    """Loads a model from its file, its folder or its run folder, from our own form if it can.

    Raises:
        DataError: there is none, or it is damaged, or another program wrote it.
    """
    file = _find(Path(path))
    try:
        if file.suffix == SUFFIX:
            text, named = read_safetensors(file)
            about = _about(file, text)
            weights = _in_order(about, named)
        else:
            text, weights = read_hdf5(file)
            about = _about(file, text)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise while_reading(file, error) from error
        # HDF5 raises OSError without a number for what is damaged.
        found = " ".join(str(error).split())[:200]
        raise DataError(
            str(file), f"damaged ({found})", "take another checkpoint or train again"
        ) from error
    return SavedModel(file, about, weights)


def _find(given: Path) -> Path:
    try:
        file = next((p for place in PLACES if (p := given / place).is_file()), None)
    except OSError as error:
        raise while_reading(f"--saved_model {given}", error) from error
    if file is None:
        raise DataError(f"--saved_model {given}", "no model there", "give a run folder or a .hdf5")
    return file


def _about(file: Path, text: str | None) -> About:
    if text is None:
        raise DataError(str(file), "not written by unet", "train it with `unet train`")
    return About.model_validate_json(text)


def _in_order(about: About, named: dict[str, NDArray[np.float32]]) -> Weights:
    """The weights in the order of the network's.

    Raises:
        ValueError: they are another network's.
    """
    variables = build_network(about.plan.network).weights
    for name in sorted({variable.path for variable in variables} ^ named.keys()):
        raise ValueError(f"{name} is {'unknown' if name in named else 'missing'}")
    for variable in variables:
        if named[variable.path].shape != tuple(variable.shape):
            raise ValueError(f"{variable.path} has shape {named[variable.path].shape}")
    return [named[variable.path] for variable in variables]
