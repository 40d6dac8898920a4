"""Train, evaluate and plan 3D U-Nets on Medical Segmentation Decathlon data.

    import unet

    settings = unet.TrainSettings(data_path="Task01_BrainTumour", output="run", time_budget="20m")
    training = unet.train(settings)

See `unet.api`, which is loaded when one of its names is first asked for.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unet.api import (
        EvaluateSettings,
        PredictSettings,
        TrainSettings,
        evaluate,
        plan,
        predict,
        train,
    )

__version__ = "0.1.0"
__all__ = [
    "EvaluateSettings",
    "PredictSettings",
    "TrainSettings",
    "evaluate",
    "plan",
    "predict",
    "train",
]

# Stock TensorFlow switches its oneDNN kernels on by itself only where the CPU has
# AVX512_VNNI, AMX or the like.  On other CPUs a 3D U-Net trains three to four times slower
# without them.  TensorFlow reads this once, when it is first imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors arrive as exceptions


def __getattr__(name: str) -> object:
    """Loads `unet.api` for its names only: a command that needs none of it starts sooner."""
    if name in __all__:
        return getattr(importlib.import_module("unet.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
