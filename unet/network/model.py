"""The 3D U-Net: the course's network and the planned one, from one specification."""

from __future__ import annotations

from functools import partial
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from unet.network.layers import (
    BATCH_EPSILON,
    INSTANCE_EPSILON,
    LEAK,
    FusedBatchNorm,
    InstanceNorm,
)
from unet.planning.network import NetworkSpec


def _normalisation(spec: NetworkSpec, name: str, portable: bool) -> keras.layers.Layer:
    """The fast layer, or Keras' own one that computes the same from the same weights."""
    if spec.normalisation == "instance":
        if portable:
            return keras.layers.GroupNormalization(-1, epsilon=INSTANCE_EPSILON, name=name)
        return InstanceNorm(name=name)
    if portable:
        return keras.layers.BatchNormalization(epsilon=BATCH_EPSILON, name=name)
    return FusedBatchNorm(name=name)


def _convolution(
    x: keras.KerasTensor,
    filters: int,
    spec: NetworkSpec,
    name: str,
    *,
    portable: bool,
    learns: bool,
) -> object:
    """3x3x3 convolution, normalisation, activation."""
    # In bfloat16 oneDNN (of TensorFlow 2.21) leaves the gradient of the weights unwritten where
    # there are two planes along the first axis: what was in that memory would be learnt from.
    narrow = keras.config.dtype_policy().compute_dtype == "bfloat16"
    two_planes = learns and narrow and x.shape[1] == 2
    if two_planes:
        x = keras.layers.ZeroPadding3D(((0, 1), (0, 0), (0, 0)), name=f"{name}_pad")(x)
    x = keras.layers.Conv3D(
        filters,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_uniform",
        name=f"{name}_conv",
    )(x)
    if two_planes:
        x = keras.layers.Cropping3D(((0, 1), (0, 0), (0, 0)), name=f"{name}_crop")(x)
    x = _normalisation(spec, f"{name}_norm", portable)(x)
    if spec.kind == "course":
        return keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.layers.LeakyReLU(LEAK, name=f"{name}_relu")(x)


def _upsample(
    x: keras.KerasTensor, filters: int, stride: tuple[int, int, int], spec: NetworkSpec, name: str
) -> object:
    if spec.upsampling:
        return keras.layers.UpSampling3D(stride, name=name)(x)
    return keras.layers.Conv3DTranspose(
        filters,
        stride,
        strides=stride,
        use_bias=spec.kind == "course",
        kernel_initializer="he_uniform",
        name=name,
    )(x)


def build_network(
    spec: NetworkSpec,
    precision: Literal["float32", "bfloat16"] = "float32",
    patch_size: tuple[int, int, int] | None = None,
    supervised: bool = False,
) -> keras.Model:
    """Builds the network.

    Args:
        precision: compute type of convolutions; weights, statistics and logits stay float32.
        patch_size: fixes the spatial shape, which lets TensorFlow choose faster kernels.
        supervised: also return the logits of lower levels, for deep supervision: the network
            that gradients are taken of.

    Returns:
        A model ``[N, D, H, W, channels]`` float32 -> logits ``[N, D, H, W, outputs]`` float32,
        or with `supervised` a list of ``spec.supervised_levels`` logits, full resolution first.
        Sides must be multiples of ``spec.divisor``.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        return _build(spec, patch_size, supervised)
    finally:
        keras.config.set_dtype_policy(policy)


def strip_supervision(
    model: keras.Model, weights: list[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """Drops the extra heads of deep supervision from weights in `model.weights` order."""
    kept = []
    for variable, value in zip(model.weights, weights, strict=True):
        owner = variable.path.split("/")[0]
        if not owner.startswith("PredictionMask") or owner == "PredictionMask":
            kept.append(value)
    return kept


def portable_network(spec: NetworkSpec, activation: Literal["sigmoid", "softmax"]) -> keras.Model:
    """Builds the network for a file that Keras alone can load: its own layers only.

    The weights are those of `build_network`, in the same order.

    Returns:
        A model ``[N, D, H, W, channels]`` -> probabilities ``[N, D, H, W, outputs]``, float32.
    """
    return _build(spec, None, supervised=False, portable=activation)


def _build(
    spec: NetworkSpec,
    patch_size: tuple[int, int, int] | None,
    supervised: bool,
    portable: Literal["sigmoid", "softmax"] | None = None,
) -> keras.Model:
    convolution = partial(_convolution, portable=bool(portable), learns=supervised)
    sides = patch_size or (None, None, None)
    inputs = keras.layers.Input((*sides, spec.channels), name="MRImages")
    x, skips = inputs, []
    for level, filters in enumerate(spec.filters):
        if level:
            skips.append(x)
            x = keras.layers.MaxPooling3D(spec.strides[level - 1], name=f"down{level}")(x)
        for index in range(spec.encoder_convolutions):
            x = convolution(x, filters, spec, f"encode{level}_{index}")
    logits: list[keras.KerasTensor] = []
    for level in reversed(range(len(skips))):
        filters = spec.filters[level]
        x = _upsample(x, filters, spec.strides[level], spec, f"up{level}")
        x = keras.layers.Concatenate(name=f"skip{level}")([x, skips[level]])
        for index in range(spec.decoder_convolutions):
            x = convolution(x, filters, spec, f"decode{level}_{index}")
        if level == 0 or (supervised and level < spec.supervised_levels):
            name = "PredictionMask" if level == 0 else f"PredictionMask{level}"
            head = keras.layers.Conv3D(
                spec.outputs, 1, activation=portable, dtype="float32", name=name
            )
            logits.insert(0, head(x))
    return keras.Model(inputs, logits if supervised else logits[0], name="unet3d")
