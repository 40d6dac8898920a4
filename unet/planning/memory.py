"""Peak memory of training before anything was measured: a first guess for the plan."""

from __future__ import annotations

import math

from unet.planning.network import NetworkSpec

BASE_BYTES = 900e6  # TensorFlow, Keras and the program itself
BYTES_PER_FEATURE = {"float32": 14.0, "bfloat16": 8.0}  # activations kept for the backward pass
BYTES_PER_VOLUME_VOXEL = 40.0  # of the largest case, while it is validated


def estimate_bytes(network: NetworkSpec, voxels: float, precision: str) -> float:
    """Peak memory of a training process, before any probe: features kept times their bytes."""
    kept, share = 0.0, 1.0
    for level, filters in enumerate(network.filters):
        if level:
            share /= math.prod(network.strides[level - 1])
        convolutions = network.encoder_convolutions
        if level < len(network.filters) - 1:
            convolutions += network.decoder_convolutions + 1
        kept += filters * share * convolutions
    return BASE_BYTES + voxels * kept * BYTES_PER_FEATURE[precision]
