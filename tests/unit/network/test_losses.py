"""Dice plus cross-entropy against their definitions."""

import numpy as np
import pytest
import tensorflow as tf

from unet.network.losses import (
    combine,
    dice_of,
    level_sums,
    level_weights,
    shrink_target,
)

RNG = np.random.default_rng(0)
SHAPE = (2, 3, 4, 5)


def softmax_case(outputs=3):
    logits = RNG.normal(0, 3, (*SHAPE, outputs)).astype(np.float32)
    target = np.eye(outputs, dtype=np.uint8)[RNG.integers(0, outputs, SHAPE)]
    return tf.constant(logits), tf.constant(target)


def sigmoid_case(outputs=2):
    logits = RNG.normal(0, 3, (*SHAPE, outputs)).astype(np.float32)
    return tf.constant(logits), tf.constant(RNG.integers(0, 2, (*SHAPE, outputs)).astype(np.uint8))


def test_softmax_sums_and_entropy_are_those_of_the_definition():
    logits, target = softmax_case()
    sums, entropy = level_sums(logits, target, "softmax")
    values = logits.numpy().astype(np.float64)
    p = np.exp(values) / np.exp(values).sum(-1, keepdims=True)
    t = target.numpy().astype(np.float64)
    axes = (0, 1, 2, 3)
    expected = [(p * t).sum(axes), p.sum(axes), t.sum(axes)]
    np.testing.assert_allclose(sums, np.array(expected)[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(entropy, -(t * np.log(p)).sum(-1).mean(), rtol=1e-5)


def test_sigmoid_sums_and_entropy_are_those_of_the_definition():
    logits, target = sigmoid_case()
    sums, entropy = level_sums(logits, target, "sigmoid")
    p = 1 / (1 + np.exp(-logits.numpy().astype(np.float64)))
    t = target.numpy().astype(np.float64)
    axes = (0, 1, 2, 3)
    np.testing.assert_allclose(sums, [(p * t).sum(axes), p.sum(axes), t.sum(axes)], rtol=1e-5)
    np.testing.assert_allclose(
        entropy, -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), rtol=1e-5
    )


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_huge_logits_give_finite_loss_and_gradients(activation):
    logits, target = softmax_case() if activation == "softmax" else sigmoid_case()
    logits = 1e4 * logits
    with tf.GradientTape() as tape:
        tape.watch(logits)
        sums, entropy = level_sums(logits, target, activation)
        loss = entropy - tf.reduce_sum(dice_of(sums))
    assert np.isfinite(loss.numpy())
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()


def test_a_perfect_prediction_has_dice_one_and_an_absent_region_too():
    assert dice_of(tf.constant([[5.0], [5.0], [5.0]])).numpy() == pytest.approx(1)
    assert dice_of(tf.constant([[0.0], [0.0], [0.0]])).numpy() == pytest.approx(1)
    assert dice_of(tf.constant([[0.0], [4.0], [3.0]])).numpy() < 1e-5


def test_two_ranks_average_to_the_gradient_of_the_global_batch():
    logits, target = sigmoid_case()

    def gradient(parts):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            local = [level_sums(logits[part], target[part], "sigmoid") for part in parts]
            shared = tf.stop_gradient(tf.add_n([sums for sums, _ in local]))
            losses = [combine([one], [shared], ranks=len(parts)) for one in local]
            loss = tf.add_n(losses) / len(parts)
        return tape.gradient(loss, logits).numpy()

    whole, halves = gradient([slice(0, 2)]), gradient([slice(0, 1), slice(1, 2)])
    np.testing.assert_allclose(halves, whole, atol=1e-6 * np.linalg.norm(whole))


def test_weights_halve_from_level_to_level_and_sum_to_one():
    assert level_weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])


def test_a_shrunk_target_stays_one_hot():
    _, target = softmax_case()
    shrunk = shrink_target(target, (1, 2, 2))
    assert shrunk.shape == (2, 3, 2, 3, 3)
    assert (np.sum(shrunk, -1) == 1).all()
