"""Dice plus cross-entropy in float32, split so that Dice sums can be added over ranks.

The batch Dice of R ranks must be the Dice of the whole global batch.  So a level's loss
is made of sums: `level_sums` gives them for one rank, they are all-reduced, and
`combine` turns the global sums into the loss.  To keep the backward pass free of
communication, the global sums enter as ``local + stop_gradient(global - local)``.
"""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

SMOOTH = 1e-5  # keeps the Dice of an empty region defined, as in nnU-Net


def level_sums(
    logits: tf.Tensor, target: tf.Tensor, activation: Literal["sigmoid", "softmax"]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what one level contributes.

    Args:
        logits: ``[N, D, H, W, K]`` float32.
        target: ``[N, D, H, W, K]``, one-hot (softmax, channel 0 is background) or masks.

    Returns:
        sums ``[3, K']``: intersection, predicted, actual (K' leaves the background out),
        and the mean cross-entropy, a scalar.
    """
    values, truths = _planes(logits), _planes(tf.cast(target, tf.float32))
    if activation == "softmax":
        probabilities, entropy = _softmax(values, truths)
        probabilities, truths = probabilities[1:], truths[1:]
    else:
        probabilities = [tf.sigmoid(value) for value in values]
        entropy = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(
                labels=tf.stack(truths), logits=tf.stack(values)
            )
        )
    sums = tf.stack(
        [
            tf.stack([tf.reduce_sum(p * t) for p, t in zip(probabilities, truths, strict=True)]),
            tf.stack([tf.reduce_sum(p) for p in probabilities]),
            tf.stack([tf.reduce_sum(t) for t in truths]),
        ]
    )
    return sums, entropy


def _planes(tensor: tf.Tensor) -> list[tf.Tensor]:
    """``[N, D, H, W, K]`` as K vectors: a few channels side by side defeat vector units."""
    planes: list[tf.Tensor] = tf.unstack(tf.transpose(tf.reshape(tensor, [-1, tensor.shape[-1]])))
    return planes


def _softmax(values: list[tf.Tensor], truths: list[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Probabilities and the mean cross-entropy of logits in planes, from one exponential."""
    largest = values[0]
    for value in values[1:]:
        largest = tf.maximum(largest, value)
    largest = tf.stop_gradient(largest)
    powers = [tf.exp(value - largest) for value in values]
    total = tf.add_n(powers)
    actual = tf.add_n([value * truth for value, truth in zip(values, truths, strict=True)])
    entropy = tf.reduce_mean(largest + tf.math.log(total) - actual)
    share = 1.0 / total
    return [power * share for power in powers], entropy


def dice_of(sums: tf.Tensor) -> tf.Tensor:
    """Soft Dice per region ``[K']`` from sums ``[3, K']``."""
    return (2 * sums[0] + SMOOTH) / (sums[1] + sums[2] + SMOOTH)


def level_weights(levels: int) -> list[float]:
    """Weights of deep supervision: 1, 1/2, 1/4, … normalised to sum 1 (nnU-Net)."""
    raw = [0.5**level for level in range(levels)]
    return [weight / sum(raw) for weight in raw]


def combine(
    local: list[tuple[tf.Tensor, tf.Tensor]],
    shared: list[tf.Tensor],
    ranks: int,
    share: float = 1.0,
) -> tf.Tensor:
    """The loss whose gradient, averaged over ranks, is that of the global batch.

    Args:
        local: per level this rank's sums and cross-entropy.
        shared: per level the sums added over all ranks, ``[3, K']``.
        ranks: number of ranks.  The Dice term counts that often because its gradient is a
            sum over ranks, while gradients are averaged.
        share: of this rank's batch that `local` holds; the gradients of its slices add up.
    """
    total = tf.constant(0.0)
    for weight, (sums, entropy), everywhere in zip(
        level_weights(len(local)), local, shared, strict=True
    ):
        global_sums = sums + tf.stop_gradient(everywhere - sums)
        dice = 1.0 - tf.reduce_mean(dice_of(global_sums))
        total += weight * (ranks * dice + share * entropy)
    return total


def shrink_target(target: tf.Tensor, stride: tuple[int, int, int]) -> tf.Tensor:
    """Takes every stride-th voxel of a target ``[N, D, H, W, K]``; stays one-hot (nnU-Net)."""
    d, h, w = stride
    return target[:, ::d, ::h, ::w]
