"""Predict images that have no label.

Each IMAGE is a NIfTI file, or a folder of them, with the model's channels in their order; where
a dataset.json lies beside their folder, channels are found by the names in it. The prediction is
written as IMAGE_pred.nii.gz, with the image's own affine and header, 0 and 1 or the labels'
values. An image that cannot be read is skipped, named at the end, and the exit code is 10.
"""

from __future__ import annotations

from unet import api
from unet.cli.command import Command
from unet.inference.settings import PredictSettings
from unet.system.errors import UnetError


def run(settings: PredictSettings, _as_json: bool) -> int:
    """Predicts one image after the other and prints a line for each."""
    api.predict(settings, on_prediction=_print_prediction, on_failure=_print_failure)
    return 0


def _print_prediction(prediction: api.Prediction) -> None:
    voxels = ", ".join(f"{name}: {count} voxels" for name, count in prediction.voxels.items())
    print(f"{prediction.file}  {voxels}", flush=True)


def _print_failure(error: UnetError) -> None:
    print(f"skipped: {error}", flush=True)


COMMAND = Command(PredictSettings, run)
