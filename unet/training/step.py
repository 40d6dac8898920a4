"""One training step as one traced function, the same for 1 and N ranks.

forward → Dice sums added over ranks → loss → gradients, one grouped allreduce → finite? →
clip → optimizer → EMA.  A step whose gradients are not finite changes nothing, on all ranks
alike, because every rank sees the same averaged gradients.  Batch normalisation's moving
statistics travel with the gradients, so that all state is equal on all ranks after each step.

A batch that does not fit in memory is computed in slices: one forward pass over all slices
for the sums of the batch Dice, then a second with the backward pass, slice by slice, with
those sums.  Only one slice's activations are alive at a time, and with instance norm the
gradients are those of the whole batch; batch norm sees one slice at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from unet.network.losses import combine, dice_of
from unet.network.model import build_network
from unet.parallel.comm import Comm
from unet.parallel.horovod_engine import as_peer_lost
from unet.planning.plan import StepShape
from unet.system.errors import MemoryShortError, UsageError
from unet.training.batch_loss import BatchLoss, pack
from unet.training.checkpoint import Arrays
from unet.training.ema import Ema

CLIP = 12.0  # largest global gradient norm (nnU-Net)
WEIGHT_DECAY = 1e-4
Image = NDArray[np.float32]
Target = NDArray[np.uint8]
Outputs = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
"""Loss, whether it was finite, whether a rank was told to stop, and Dice: scalars."""
STATISTICS = "ema_statistics/"  # in the names of the averages of moving statistics
NO_MEMORY = "exception:Status: 1,"  # how TensorFlow passes on oneDNN's dnnl_out_of_memory


@dataclass(frozen=True)
class StepResult:
    """What one step reports, equal on all ranks."""

    loss: float
    finite: bool
    stopping: bool
    dice: float


class Trainer:
    """Network, optimizer and EMA of one rank, and the step that moves them.

    Args:
        shape: network, patch, batch and precision.
        comm: the other ranks.
        seed: of the initial weights; every rank then takes rank 0's.
    """

    def __init__(self, shape: StepShape, comm: Comm, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        self.shape, self.comm = shape, comm
        self.model = build_network(
            shape.network, shape.precision, shape.patch_size, supervised=True
        )
        self.loss = BatchLoss(self.model, shape, comm.size)
        self.optimizer = keras.optimizers.AdamW(
            learning_rate=1e-3, weight_decay=WEIGHT_DECAY, beta_2=0.99
        )
        self.optimizer.exclude_from_weight_decay(var_names=["scale", "offset", "bias"])
        self.optimizer.build(self.model.trainable_variables)
        self.weights = [variable.value for variable in self.model.trainable_variables]
        self.statistics = [variable.value for variable in self.model.non_trainable_variables]
        self.ema = Ema(self.weights)
        self.statistics_ema = Ema(self.statistics)
        self.slice = shape.micro_batch or shape.batch_size
        if shape.batch_size % self.slice:
            raise UsageError("micro_batch", str(self.slice), f"divide batch {shape.batch_size}")
        scalar = tf.TensorSpec([], tf.float32)
        inputs = self._input_signature()
        if self.slice == shape.batch_size:
            self._step = tf.function(self._whole, input_signature=[*inputs, scalar, scalar])
            return
        sums = tf.TensorSpec([None], tf.float32)
        self._total = [tf.Variable(tf.zeros_like(w), trainable=False) for w in self.weights]
        self._slice_sums = tf.function(self._sums_of_slice, input_signature=inputs)
        self._share = tf.function(comm.allreduce_tensor, input_signature=[sums])
        self._add = tf.function(self._add_gradients, input_signature=[*inputs, sums])
        self._finish = tf.function(self._move_by_total)

    # -- state ------------------------------------------------------------------------------

    def share_state(self) -> None:
        """Gives every rank the state of rank 0."""
        self.comm.broadcast_variables(list(self.variables().values()))

    def variables(self) -> dict[str, tf.Variable]:
        """All state by a stable name: weights, optimizer, EMA."""
        named = {f"model/{i:04d}": v.value for i, v in enumerate(self.model.variables)}
        named |= {f"optimizer/{i:04d}": v.value for i, v in enumerate(self.optimizer.variables)}
        named |= {f"ema/{i:04d}": v for i, v in enumerate(self.ema.variables)}
        averages = self.statistics_ema.variables if self.statistics else []
        return named | {f"{STATISTICS}{i:04d}": v for i, v in enumerate(averages)}

    def state(self) -> Arrays:
        """A copy of all state."""
        return {name: variable.numpy() for name, variable in self.variables().items()}

    def restore(self, arrays: Arrays, where: str) -> None:
        """Sets all state from what `state` returned; nothing is changed where it does not fit.

        A checkpoint of an older release has no averages of moving statistics: they begin with
        the statistics themselves.

        Args:
            where: the file it came from, for the error.

        Raises:
            UsageError: the arrays are another network's.
        """
        variables = self.variables()
        if not any(name.startswith(STATISTICS) for name in arrays):
            arrays = self._with_statistics(arrays)
        remedy = "give the run's own plan.json, another --output, or --resume never"
        for name in sorted(variables.keys() ^ arrays.keys()):
            found = "an array this network has not" if name in arrays else "missing in it"
            raise UsageError(where, f"{name} is {found}", remedy)
        for name, variable in variables.items():
            if tuple(variable.shape) != arrays[name].shape:
                found = f"{name} has shape {arrays[name].shape}, the network's {variable.shape}"
                raise UsageError(where, found, remedy)
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _with_statistics(self, arrays: Arrays) -> Arrays:
        """Adds averages of the moving statistics: as many updates as the weights', their values."""
        variables, added = self.model.variables, {}
        if self.statistics and "ema/0000" in arrays:
            added[f"{STATISTICS}0000"] = arrays["ema/0000"]
        for number, statistic in enumerate(self.model.non_trainable_variables, 1):
            index = next(i for i, variable in enumerate(variables) if variable is statistic)
            name = f"model/{index:04d}"
            if name in arrays:
                added[f"{STATISTICS}{number:04d}"] = arrays[name]
        return arrays | added

    def averaged_weights(self) -> list[NDArray[np.float32]]:
        """Weights for inference, in `model.get_weights` order: averages over the steps."""
        model = self.model
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        averages = [*self.ema.shadow, *self.statistics_ema.shadow]
        shadow = {id(v): a.numpy() for v, a in zip(variables, averages, strict=True)}
        return [shadow[id(variable)] for variable in model.weights]

    # -- the step ---------------------------------------------------------------------------

    def step(self, image: Image, target: Target, rate: float, stop: bool) -> StepResult:
        """Runs one step.

        Args:
            image: ``[N, d, h, w, C]``.
            target: ``[N, d, h, w, outputs]``.
            rate: learning rate of this step.
            stop: whether this rank was asked to stop.

        Raises:
            PeerLostError: another rank ended or stopped answering.
            MemoryShortError: TensorFlow could not allocate a tensor.
        """
        scalars = tf.constant(rate, tf.float32), tf.constant(float(stop))
        try:
            if self.slice == self.shape.batch_size:
                outputs = self._step(tf.constant(image), tf.constant(target), *scalars)
            else:
                outputs = self._in_slices(image, target, *scalars)
            loss, finite, stopping, dice = (output.numpy() for output in outputs)
        except (tf.errors.OpError, RuntimeError) as error:
            if isinstance(error, tf.errors.ResourceExhaustedError) or NO_MEMORY in str(error):
                raise MemoryShortError(
                    "training step", "no memory for a tensor", "lower --batch-size or --patch-size"
                ) from error
            raise (as_peer_lost(error) or error) from error
        return StepResult(float(loss), bool(finite), bool(stopping), float(dice))

    def gradients(
        self, image: tf.Tensor, target: tf.Tensor, stop: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of the global batch, mean over ranks, and the sums behind its loss.

        Returns:
            one gradient per trainable variable, and what `BatchLoss.unpack` takes apart.
        """
        with tf.GradientTape() as tape:
            local = self.loss.local_sums(image, target)
            total = self.comm.allreduce_tensor(tf.stop_gradient(pack(local, stop)))
            loss = combine(local, self.loss.unpack(total).sums, self.comm.size)
        return self._shared(tape.gradient(loss, self.weights)), total

    def _shared(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Means over ranks; batch normalisation's moving statistics become means as well."""
        count = len(gradients)
        means = self.comm.allreduce_gradients([*gradients, *map(tf.identity, self.statistics)])
        for variable, mean in zip(self.statistics, means[count:], strict=True):
            variable.assign(mean)
        return means[:count]

    def _input_signature(self) -> list[tf.TensorSpec]:
        size = [self.slice, *self.shape.patch_size]
        return [
            tf.TensorSpec([*size, self.shape.network.channels], tf.float32),
            tf.TensorSpec([*size, self.shape.network.outputs], tf.uint8),
        ]

    def _whole(
        self, image: tf.Tensor, target: tf.Tensor, rate: tf.Tensor, stop: tf.Tensor
    ) -> Outputs:
        before = [tf.identity(variable) for variable in self.statistics]
        gradients, total = self.gradients(image, target, stop)
        return self._move(gradients, total, rate, before)

    def _in_slices(
        self,
        image: NDArray[np.float32],
        target: NDArray[np.uint8],
        rate: tf.Tensor,
        stop: tf.Tensor,
    ) -> Outputs:
        """The step on a batch too large for memory; eager, so that each slice is freed."""
        before = [tf.identity(variable) for variable in self.statistics]
        slices = [
            (image[first : first + self.slice], target[first : first + self.slice])
            for first in range(0, self.shape.batch_size, self.slice)
        ]
        rank_sums = tf.add_n([self._slice_sums(*map(tf.constant, part)) for part in slices])
        for variable, value in zip(self.statistics, before, strict=True):
            variable.assign(value)  # the second pass moves them
        total = self._share(tf.concat([rank_sums[:-1], stop[None]], 0))
        for part in slices:
            self._add(*map(tf.constant, part), total)
        outputs: Outputs = self._finish(total, rate, before)
        for variable in self._total:
            variable.assign(tf.zeros_like(variable))
        return outputs

    def _sums_of_slice(self, image: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        local = self.loss.local_sums(image, target)
        share = self.slice / self.shape.batch_size
        return pack([(sums, share * entropy) for sums, entropy in local], tf.constant(0.0))

    def _add_gradients(self, image: tf.Tensor, target: tf.Tensor, total: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            local = self.loss.local_sums(image, target)
            share = self.slice / self.shape.batch_size
            loss = combine(local, self.loss.unpack(total).sums, self.comm.size, share)
        gradients = tape.gradient(loss, self.weights)
        for accumulated, gradient in zip(self._total, gradients, strict=True):
            accumulated.assign_add(gradient)

    def _move_by_total(self, total: tf.Tensor, rate: tf.Tensor, before: list[tf.Tensor]) -> Outputs:
        gradients = self._shared([tf.identity(variable) for variable in self._total])
        return self._move(gradients, total, rate, before)

    def _move(
        self,
        gradients: list[tf.Tensor],
        total: tf.Tensor,
        rate: tf.Tensor,
        before: list[tf.Tensor],
    ) -> Outputs:
        """Moves weights and EMA, or where something is not finite leaves all as before.

        Args:
            before: batch normalisation's moving statistics before the forward pass.
        """
        batch = self.loss.unpack(total)
        norm = tf.linalg.global_norm(gradients)
        reported = self.loss.value(batch)

        def move() -> tf.Tensor:
            scale = tf.minimum(1.0, CLIP / (norm + 1e-6))
            self.optimizer.learning_rate.assign(rate)
            self.optimizer.apply([gradient * scale for gradient in gradients])
            self.ema.update(self.weights)
            self.statistics_ema.update(self.statistics)
            return tf.constant(True)

        def stay() -> tf.Tensor:
            for variable, value in zip(self.statistics, before, strict=True):
                variable.assign(value)
            return tf.constant(False)

        moved = tf.cond(tf.math.is_finite(norm) & tf.math.is_finite(reported), move, stay)
        return reported, moved, batch.stops > 0, tf.reduce_mean(dice_of(batch.sums[0]))
