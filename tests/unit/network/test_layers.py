"""Normalisation: the fast form for training equals the written-out one, and the definition."""

import numpy as np
import pytest
import tensorflow as tf

from unet.network.layers import InstanceNorm

RNG = np.random.default_rng(0)


def layer(channels: int) -> InstanceNorm:
    made = InstanceNorm(dtype="float32")
    made.build((None, None, None, None, channels))
    made.scale.assign(RNG.uniform(0.5, 2, channels))
    made.offset.assign(RNG.uniform(-1, 1, channels))
    return made


def value_and_gradients(norm: InstanceNorm, inputs: tf.Tensor, training: bool):
    weights = [norm.scale.value, norm.offset.value]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = norm(inputs, training=training)
        loss = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
    return outputs, tape.gradient(loss, [inputs, *weights])


@pytest.mark.parametrize("samples", [1, 2, 5])
@pytest.mark.parametrize("channels", [1, 16])
def test_the_fused_form_equals_the_written_out_one_and_so_do_its_gradients(samples, channels):
    norm = layer(channels)
    scales = np.array([10.0**i for i in range(samples)]).reshape(-1, 1, 1, 1, 1)
    inputs = tf.constant(
        RNG.normal(3, 1, (samples, 5, 6, 4, channels)) * scales, tf.float32
    )  # samples differ, so that a mix of them would be seen
    fused, written = (value_and_gradients(norm, inputs, training) for training in (True, False))
    np.testing.assert_allclose(fused[0], written[0], rtol=1e-4, atol=1e-5)
    for one, other in zip(fused[1], written[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4 * np.abs(other).max())


def test_each_sample_and_channel_gets_mean_zero_and_variance_one():
    norm = InstanceNorm(dtype="float32")
    norm.build((None, None, None, None, 3))
    outputs = norm(tf.constant(RNG.normal(7, 4, (2, 8, 8, 8, 3)), tf.float32), training=True)
    np.testing.assert_allclose(np.mean(outputs, (1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(np.var(outputs, (1, 2, 3)), 1, atol=1e-3)


def test_bfloat16_stays_bfloat16_with_statistics_in_float32():
    norm = layer(16)
    inputs = tf.constant(RNG.normal(100, 1, (2, 12, 12, 12, 16)), tf.float32)
    narrow = tf.cast(inputs, tf.bfloat16)
    outputs = norm(narrow, training=True)
    assert outputs.dtype == tf.bfloat16
    exact = norm(tf.cast(narrow, tf.float32), training=False)
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), exact, atol=0.05)
