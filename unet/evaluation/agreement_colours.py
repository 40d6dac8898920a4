"""Colours that say who marked a voxel, used by every picture of a prediction and its truth."""

from __future__ import annotations

import numpy as np

RED, BLUE, PURPLE, AMBER = "#ff4136", "#2469ff", "#c46bff", "#ffb000"
"""Predicted only, actual only, both, and both but of different labels; as in page.css."""
SHADE = 0.4
"""Share of a colour that the image below does not darken."""


def blend(image: np.ndarray, prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Colours one slice: the masks give the hue, the image the brightness.

    Args:
        image: grey values from 0 to 1, [A, B].
        prediction: label values, uint8 [A, B].
        truth: label values, uint8 [A, B].

    Returns:
        float32 [A, B, 3] from 0 to 1.
    """
    result = np.repeat(image[..., None], 3, axis=-1).astype(np.float32)
    predicted, actual = prediction > 0, truth > 0
    for mask, colour in (
        (predicted & ~actual, RED),
        (actual & ~predicted, BLUE),
        (predicted & (prediction == truth), PURPLE),
        (predicted & actual & (prediction != truth), AMBER),
    ):
        result[mask] = _rgb(colour) * (SHADE + (1 - SHADE) * result[mask])
    return result


def _rgb(colour: str) -> np.ndarray:
    """``#rrggbb`` as float32 [3] from 0 to 1."""
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
