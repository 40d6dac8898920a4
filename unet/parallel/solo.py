"""The engine of one process, which has nobody to talk to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from unet.parallel.comm import Json, Numbers, summable

if TYPE_CHECKING:
    import tensorflow as tf


class Solo:
    """One process: every answer is its own."""

    rank = 0
    size = 1
    local_rank = 0

    def broadcast_variables(self, variables: Sequence[tf.Variable]) -> None:
        """Nothing to do."""

    def allreduce_gradients(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The gradients themselves."""
        return list(gradients)

    def allreduce_tensor(self, tensor: tf.Tensor) -> tf.Tensor:
        """The tensor itself."""
        return tensor

    def allreduce_sum(self, value: ArrayLike) -> Numbers:
        """The value in the type that a sum has."""
        return summable(value)

    def allreduce_mean(self, value: ArrayLike) -> Numbers:
        """The value in float64."""
        return np.asarray(value, dtype=np.float64)

    def agree_any(self, flag: bool) -> bool:
        """The flag."""
        return bool(flag)

    def gather_objects(self, item: Json) -> list[Json]:
        """The item, as JSON would return it."""
        return [json.loads(json.dumps(item))]

    def barrier(self) -> None:
        """Nothing to wait for."""

    def shutdown(self) -> None:
        """Nothing to end."""
