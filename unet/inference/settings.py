"""What a prediction is told: which model, how, of which images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unet.system.settings import Flag, Settings
from unet.system.values import Share


class ModelSettings(Settings):
    """Which model predicts, and how."""

    saved_model: Annotated[Path, Flag("FILE_OR_RUN", underscores_first=True)] = Field(
        description="a model file (.hdf5), or the run folder that holds it"
    )
    backend: Annotated[Literal["auto", "openvino", "tensorflow"], Flag()] = Field(
        "auto",
        description="what runs the network (default: OpenVINO where installed, the faster)",
    )
    overlap: Annotated[Share, Flag("SHARE")] = Field(
        0.5, description="least share of a window that its neighbour covers (default {default})"
    )
    mirror: Annotated[bool, Flag()] = Field(
        True,
        description="average over left and right exchanged, if training did: a little better, "
        "twice the work (default)",
    )


class PredictSettings(ModelSettings):
    """What `predict` can be told."""

    images: Annotated[tuple[Path, ...], Flag("IMAGE", count="+")] = Field(
        min_length=1, description="NIfTI file, or folder of them"
    )
    output: Annotated[Path, Flag("DIR")] = Field(description="where predictions go")
    save_probabilities: Annotated[bool, Flag(underscores_first=True)] = Field(
        False, description="also write IMAGE_prob.nii.gz, float32, one volume per output"
    )
