"""A trained model on its own: one HDF5 file that says everything inference needs.

Keras alone can load the file, and its output then are probabilities; its attribute `unet`
holds the plan, the split and the names, so the file may be moved away from its run.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from unet.data.recipe import Recipe
from unet.data.regions import Target
from unet.data.split import Split
from unet.network.model import build_network, portable_network
from unet.planning.plan import Plan
from unet.system.atomic_file import sync_folder
from unet.system.errors import DataError, DiskError

ATTRIBUTE = "unet"
MODEL_FILE = "3d_unet_decathlon.hdf5"
PLACES = ("", MODEL_FILE, f"model/{MODEL_FILE}")  # looked for below a given folder


class About(BaseModel):
    """What is written beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Plan
    split: Split | None
    dataset_name: str
    channel_names: tuple[str, ...]
    validation_dice: float | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class Bundle:
    """A trained model and what it was trained for."""

    path: Path
    about: About
    weights: list[np.ndarray]

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


def save_bundle(path: Path, about: About, weights: list[np.ndarray]) -> None:
    """Writes the model file atomically.

    Args:
        weights: of the network without deep supervision's extra heads.

    Raises:
        DiskError: the disk is full or not writable.
    """
    model = portable_network(about.plan.network, about.plan.target.activation)
    model.set_weights(weights)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.hdf5")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob(f".{path.name}.*"):  # of a writer that was killed
            leftover.unlink(missing_ok=True)
        try:
            with h5py.File(temporary, "w") as stream:
                keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(model, stream)
                stream.attrs[ATTRIBUTE] = about.model_dump_json()
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DiskError.from_os(path, error) from error


def load_bundle(path: str | Path) -> Bundle:
    """Loads a model from its file, its folder or its run folder.

    Raises:
        DataError: there is none, or it is damaged, or another program wrote it.
    """
    given = Path(path)
    try:
        file = next((p for place in PLACES if (p := given / place).is_file()), None)
    except OSError as error:
        found = error.strerror or str(error)
        raise DataError(f"--saved_model {given}", found, "make it readable") from error
    if file is None:
        raise DataError(f"--saved_model {given}", "no model there", "give a run folder or a .hdf5")
    try:
        with h5py.File(file, "r") as stream:
            text = stream.attrs.get(ATTRIBUTE)
            if text is None:
                raise DataError(str(file), "not written by unet", "train it with `unet train`")
            about = About.model_validate_json(text)
        model = keras.saving.load_model(file, compile=False)
    except PermissionError as error:
        raise DataError(str(file), "Permission denied", "make it readable") from error
    except (OSError, ValueError, ValidationError, json.JSONDecodeError) as error:
        found = " ".join(str(error).split())[:200]
        raise DataError(
            str(file), f"damaged ({found})", "take another checkpoint or train again"
        ) from error
    return Bundle(file, about, model.get_weights())


def strip_supervision(model: keras.Model, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Drops the extra heads of deep supervision from weights in `model.weights` order."""
    kept = []
    for variable, value in zip(model.weights, weights, strict=True):
        owner = variable.path.split("/")[0]
        if not owner.startswith("PredictionMask") or owner == "PredictionMask":
            kept.append(value)
    return kept
