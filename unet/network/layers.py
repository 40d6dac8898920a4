"""The two layers Keras does not have in the form that is fast on CPUs."""

from __future__ import annotations

import keras
import tensorflow as tf

INSTANCE_EPSILON, BATCH_EPSILON = 1e-5, 1e-3  # added to variances
LEAK = 0.01  # slope of LeakyReLU for negative inputs, as in nnU-Net


@keras.saving.register_keras_serializable(package="unet")
class InstanceNorm(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Normalises each sample and channel over its voxels, then scales and shifts.

    Instance norm is batch norm of one sample, so training gives each sample, folded to
    ``[1, D*H*W, 1, C]``, to TensorFlow's fused batch-norm kernel.  Inference writes it out as
    mean, square and root, which every exporter understands; Keras' GroupNormalization is 5 to 9
    times slower once exported.

    Statistics are float32 whatever the compute type.  Nothing depends on the other samples
    of the batch, so nothing has to be synchronised between ranks.

    Input shape:
        ``[N, D, H, W, C]``; N is known while training.
    Output shape:
        The input's.
    """

    def __init__(self, epsilon: float = INSTANCE_EPSILON, **kwargs: object) -> None:
        super().__init__(autocast=False, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates scale and offset, ``[C]`` each."""
        shape = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", dtype="float32")
        self.offset = self.add_weight(
            name="offset", shape=shape, initializer="zeros", dtype="float32"
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the normalised tensor in the input's type."""
        return self._fused(inputs) if training else self._written_out(inputs)

    def _fused(self, inputs: tf.Tensor) -> tf.Tensor:
        scale, offset = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.offset)
        samples = [
            tf.raw_ops.FusedBatchNormV3(
                x=tf.reshape(sample, [1, -1, 1, inputs.shape[-1]]),
                scale=scale,
                offset=offset,
                mean=tf.zeros([0]),
                variance=tf.zeros([0]),
                epsilon=self.epsilon,
                is_training=True,
            ).y
            for sample in tf.split(inputs, inputs.shape[0])
        ]
        return tf.reshape(tf.concat(samples, 0), tf.shape(inputs))

    def _written_out(self, inputs: tf.Tensor) -> tf.Tensor:
        # In this very form OpenVINO takes the whole layer for its one kernel (MVN), which
        # saves an eighth of the processor time of a network; see tests/unit/inference.
        wide = tf.cast(inputs, tf.float32)
        centred = wide - tf.reduce_mean(wide, [1, 2, 3], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), [1, 2, 3], keepdims=True)
        unit = centred / tf.sqrt(variance + self.epsilon)
        scale, offset = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.offset)
        return tf.cast(unit * scale + offset, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Returns what is needed to build the layer again."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="unet")
class FusedBatchNorm(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Batch normalisation through TensorFlow's fused kernel.

    The five axes are folded to four, ``[N, D*H, W, C]``, since only the 4-D kernel is fused.
    Moving statistics use momentum 0.99 as the course's network does; the training
    loop averages them over ranks.

    Input shape:
        ``[N, D, H, W, C]``.
    Output shape:
        The input's.
    """

    def __init__(
        self, epsilon: float = BATCH_EPSILON, momentum: float = 0.99, **kwargs: object
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.epsilon, self.momentum = epsilon, momentum

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates scale, offset and the moving statistics, ``[C]`` each."""
        channels = input_shape[-1]
        self.scale = self._add("scale", channels, "ones", trainable=True)
        self.offset = self._add("offset", channels, "zeros", trainable=True)
        self.moving_mean = self._add("moving_mean", channels, "zeros", trainable=False)
        self.moving_variance = self._add("moving_variance", channels, "ones", trainable=False)

    def _add(
        self, name: str, channels: int | None, initializer: str, *, trainable: bool
    ) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=initializer,
            trainable=trainable,
            dtype="float32",
        )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Uses the batch's statistics in training, the moving ones otherwise."""
        shape = tf.shape(inputs)
        flat = tf.reshape(inputs, [shape[0], shape[1] * shape[2], shape[3], inputs.shape[-1]])
        none = tf.zeros([0])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=flat,
            scale=tf.convert_to_tensor(self.scale),
            offset=tf.convert_to_tensor(self.offset),
            mean=none if training else tf.convert_to_tensor(self.moving_mean),
            variance=none if training else tf.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=bool(training),
        )
        if training:
            keep = self.momentum
            self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
            self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return tf.reshape(outputs, shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Returns what is needed to build the layer again."""
        return {**super().get_config(), "epsilon": self.epsilon, "momentum": self.momentum}
