"""The network as specified: shapes, types, its size, and the same network for a file."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import tiny

from unet.network.losses import combine, level_sums
from unet.network.model import build_network, portable_network, strip_supervision
from unet.planning.network import NetworkSpec, course_spec

SPEC = tiny.network(
    channels=2, outputs=3, filters=(4, 6, 8), strides=((2, 2, 1), (2, 2, 2)), supervised_levels=2
)
RNG = np.random.default_rng(0)
IMAGE = RNG.normal(0, 1, (2, 8, 12, 6, 2)).astype(np.float32)


def scattered(model: keras.Model) -> keras.Model:
    """The model with weights that no initialiser made: offsets and statistics among them."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


def leave_garbage():
    """Frees memory that is full of large numbers: what is never written shows."""
    garbage = [tf.fill([size], 3e9) * 2 for size in range(100, 60_000, 500)]
    del garbage


def test_levels_come_full_resolution_first_and_strides_shrink_them():
    full, lower = build_network(SPEC, supervised=True)(IMAGE)
    assert full.shape == (2, 8, 12, 6, 3)
    assert lower.shape == (2, 4, 6, 6, 3)
    assert SPEC.divisor == (4, 4, 2)


def test_without_the_extra_heads_the_full_resolution_is_the_same():
    supervised = scattered(build_network(SPEC, supervised=True))
    plain = build_network(SPEC)
    plain.set_weights(strip_supervision(supervised, supervised.get_weights()))
    np.testing.assert_array_equal(plain(IMAGE), supervised(IMAGE)[0])


def test_the_courses_network_has_its_number_of_weights():
    model = build_network(course_spec(channels=1, outputs=1, filters=16, upsampling=False))
    # The original's convolutions had biases too, which normalisation cancels: 5.65 million.
    assert model.count_params() == pytest.approx(5.65e6, rel=0.002)


def test_bfloat16_computes_narrow_between_weights_and_logits_of_float32():
    model = build_network(SPEC, "bfloat16", supervised=True)
    assert {variable.dtype for variable in model.variables} == {"float32"}
    assert {output.dtype for output in model.outputs} == {"float32"}
    narrow = {layer.name for layer in model.layers if layer.compute_dtype == "bfloat16"}
    convolutions = [layer.name for layer in model.layers if layer.name.endswith("_conv")]
    assert set(convolutions) <= narrow
    assert keras.config.dtype_policy().name == "float32"  # as it was


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("sides", [(8, 12, 8), (16, 16, 8), (4, 12, 8), (12, 8, 4), (8, 8, 8)])
@pytest.mark.parametrize("kind", ["planned", "course"])
def test_bfloat16_has_the_loss_and_gradients_of_float32_to_its_precision(kind, sides, traced):
    spec = SPEC.model_copy(update={"kind": kind, "strides": ((2, 2, 2), (2, 2, 1))})
    if kind == "course":
        spec = spec.model_copy(update={"normalisation": "batch", "supervised_levels": 1})
    image = RNG.normal(0, 1, (2, *sides, 2)).astype(np.float32)
    target = tf.constant((RNG.random((2, *sides, 3)) < 0.3).astype(np.uint8))
    found = {}
    for precision in ("float32", "bfloat16"):
        model = scattered(build_network(spec, precision, sides, supervised=True))

        def step(model=model):
            with tf.GradientTape() as tape:
                full = tf.nest.flatten(model(image, training=True))[0]
                sums, entropy = level_sums(full, target, "sigmoid")
                loss = combine([(sums, entropy)], [sums], ranks=1)
            weights = [v.value for v in model.trainable_variables]
            return loss, tape.gradient(loss, weights, unconnected_gradients="zero")

        leave_garbage()
        loss, gradients = (tf.function(step) if traced else step)()
        assert {gradient.dtype for gradient in gradients} == {tf.float32}
        assert loss.dtype == tf.float32
        found[precision] = float(loss), np.concatenate([np.ravel(g) for g in gradients])
    (wide, exact), (narrow, near) = found["float32"], found["bfloat16"]
    assert narrow == pytest.approx(wide, rel=0.01)
    assert np.linalg.norm(near - exact) < 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("sides", [(8, 8, 8), (4, 12, 8), (8, 4, 12), (12, 8, 4)])
@pytest.mark.parametrize("kind", ["planned", "course"])
def test_bfloat16_predicts_compiled_what_it_predicts_step_by_step(kind, sides, batch):
    spec, by = (SPEC, 1) if kind == "planned" else (course_spec(2, 3, 2, upsampling=False), 4)
    patch = tuple(side * by for side in sides)
    model = scattered(build_network(spec, "bfloat16", patch))
    image = RNG.normal(0, 1, (batch, *patch, 2)).astype(np.float32)
    expected = model(image, training=False)
    compiled = tf.function(lambda windows: model(windows, training=False))(tf.constant(image))
    spread = float(tf.math.reduce_std(expected))
    np.testing.assert_allclose(compiled, expected, atol=0.05 * spread)


@pytest.mark.parametrize("kind", ["planned", "course"])
def test_the_portable_network_computes_the_same_probabilities(kind):
    spec = SPEC if kind == "planned" else course_spec(2, 3, 2, upsampling=False)
    image = RNG.normal(0, 1, (1, 16, 16, 16, 2)).astype(np.float32)
    ours = scattered(build_network(spec))
    portable = portable_network(spec, "softmax")
    portable.set_weights(ours.get_weights())
    expected = tf.nn.softmax(ours(image, training=False))
    np.testing.assert_allclose(portable(image), expected, atol=1e-5)


def test_a_spec_of_unknown_fields_is_refused():
    with pytest.raises(ValueError, match="depth"):
        NetworkSpec.model_validate(SPEC.model_dump() | {"depth": 3})
