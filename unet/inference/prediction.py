"""What a prediction leaves: which file, how many voxels. Loads no TensorFlow."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Prediction(BaseModel):
    """One image's prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Path
    file: Path
    """IMAGE_pred.nii.gz, on the image's own grid."""
    probabilities: Path | None
    """IMAGE_prob.nii.gz, where it was asked for."""
    voxels: dict[str, int]
    """By region."""
