"""Exponential moving average of the weights; what is validated and saved."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

DECAY = 0.999


class Ema:
    """Shadow weights, float32, one per weight of the model.

    Batch normalisation's moving statistics are averaged like the weights they belong to: those
    of the newest weights would shift and scale what the averaged ones compute.

    Early on the average follows quickly: the decay is ``min(DECAY, (1 + t) / (10 + t))``
    after t updates, as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, weights: Sequence[tf.Variable], decay: float = DECAY) -> None:
        self.decay = decay
        self.updates = tf.Variable(0.0, trainable=False, name="ema_updates")
        self.shadow = [tf.Variable(w, trainable=False, dtype=tf.float32) for w in weights]

    @property
    def variables(self) -> list[tf.Variable]:
        """All state, for checkpoints and broadcasts."""
        return [self.updates, *self.shadow]

    def update(self, weights: Sequence[tf.Variable]) -> None:
        """Moves the shadow towards the weights; call inside the training step."""
        self.updates.assign_add(1.0)
        decay = tf.minimum(self.decay, (1 + self.updates) / (10 + self.updates))
        for shadow, weight in zip(self.shadow, weights, strict=True):
            shadow.assign_sub((1 - decay) * (shadow - tf.cast(weight, tf.float32)))
