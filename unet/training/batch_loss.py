"""The loss of the global batch, from sums that levels, slices and ranks add up."""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from unet.network.losses import dice_of, level_sums, level_weights, shrink_target
from unet.planning.plan import StepShape

LevelSums = tuple[tf.Tensor, tf.Tensor]
"""The Dice sums of one supervised level, ``[3, K']``, and its mean cross-entropy, a scalar."""


class BatchSums(NamedTuple):
    """What the loss of a global batch is made of.

    Attributes:
        sums: per level the Dice sums of all ranks, ``[3, K']``.
        entropy: mean cross-entropy over levels and ranks, a scalar.
        stops: number of ranks that were told to stop, a scalar.
    """

    sums: list[tf.Tensor]
    entropy: tf.Tensor
    stops: tf.Tensor


class BatchLoss:
    """Computes a rank's share of the sums, and the loss from those of all ranks."""

    def __init__(self, model: keras.Model, shape: StepShape, ranks: int) -> None:
        self.model, self.shape, self.ranks = model, shape, ranks

    def local_sums(self, image: tf.Tensor, target: tf.Tensor) -> list[LevelSums]:
        """One forward pass; per supervised level, full resolution first.

        Args:
            image: float32 ``[N, d, h, w, C]``.
            target: uint8 ``[N, d, h, w, outputs]``.
        """
        levels = self.model(image, training=True)
        local, shrunk = [], target
        for index, logits in enumerate(levels if isinstance(levels, list) else [levels]):
            if index:
                shrunk = shrink_target(shrunk, self.shape.network.strides[index - 1])
            local.append(level_sums(logits, shrunk, self.shape.activation))
        return local

    def unpack(self, total: tf.Tensor) -> BatchSums:
        """Takes apart the sum over ranks of what `pack` made."""
        regions = self.shape.network.outputs - (self.shape.activation == "softmax")
        levels = len(self.model.outputs)
        sums = tf.reshape(total[:-2], [levels, 3, regions])
        return BatchSums(
            [sums[level] for level in range(levels)], total[-2] / self.ranks, total[-1]
        )

    def value(self, batch: BatchSums) -> tf.Tensor:
        """Cross-entropy plus the levels' weighted mean of one minus Dice, a scalar."""
        return batch.entropy + tf.add_n(
            [
                weight * (1.0 - tf.reduce_mean(dice_of(sums)))
                for weight, sums in zip(level_weights(len(batch.sums)), batch.sums, strict=True)
            ]
        )


def pack(local: list[LevelSums], stop: tf.Tensor) -> tf.Tensor:
    """Dice sums, cross-entropy and stop flag in one vector, for one small allreduce."""
    entropy = tf.add_n(
        [
            weight * value
            for weight, (_, value) in zip(level_weights(len(local)), local, strict=True)
        ]
    )
    return tf.concat([*(tf.reshape(sums, [-1]) for sums, _ in local), [entropy, stop]], 0)
