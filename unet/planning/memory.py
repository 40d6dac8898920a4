"""How much memory training takes at its peak, before anything was measured, and may take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unet.planning.network import NetworkSpec
from unet.planning.precision import Precision

MEMORY_SHARE = 0.85  # of the limit that a plan may fill by estimate
LARGEST_SHARE = 0.95  # and once it was measured
BASE_BYTES = 900e6  # TensorFlow, Keras and the program itself
# Activations kept for the backward pass.
BYTES_PER_FEATURE: dict[Precision, float] = {"float32": 14.0, "bfloat16": 8.0}
BYTES_PER_VOLUME_VOXEL = 40.0  # of the largest case, while it is validated


@dataclass(frozen=True)
class MemoryBudget:
    """What a rank may fill, and how much of it a network would.

    Attributes:
        limit: bytes that a rank may fill by estimate.
        precision: compute type.
        largest_case: voxels of the largest case, which is validated whole.
    """

    limit: float
    precision: Precision
    largest_case: int

    def needed(self, network: NetworkSpec, voxels: int) -> float:
        """Bytes at the peak with so many voxels computed at a time."""
        training = estimate_bytes(network, voxels, self.precision)
        return training + BYTES_PER_VOLUME_VOXEL * self.largest_case

    def holds(self, network: NetworkSpec, voxels: int) -> bool:
        """Whether so many voxels can be computed at a time."""
        return self.needed(network, voxels) <= self.limit


def estimate_bytes(network: NetworkSpec, voxels: float, precision: Precision) -> float:
    """Peak memory of a training process: features kept for the backward pass times their bytes.

    Args:
        voxels: computed at a time, of all patches together.
    """
    kept, share = 0.0, 1.0
    for level, filters in enumerate(network.filters):
        if level:
            share /= math.prod(network.strides[level - 1])
        convolutions = network.encoder_convolutions
        if level < len(network.filters) - 1:
            convolutions += network.decoder_convolutions + 1
        kept += filters * share * convolutions
    return BASE_BYTES + voxels * kept * BYTES_PER_FEATURE[precision]
