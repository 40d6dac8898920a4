"""How ranks talk to each other: one small interface.

Its engines are `unet.parallel.solo` and `unet.parallel.horovod_engine`; `unet.parallel.engine`
chooses one.  Another engine takes Horovod's place by implementing `Comm` and passing the same
tests (tests/unit/parallel/test_comm.py, tests/mpi).

Every method but `rank`, `size` and `local_rank` is collective: all ranks call it, in the
same order.  A rank that ends or stops answering surfaces on the others as
`PeerLostError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import tensorflow as tf

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Numbers = NDArray[np.float64] | NDArray[np.int64]


class Comm(Protocol):
    """What the training loop may ask of the other ranks."""

    rank: int
    size: int
    local_rank: int

    def broadcast_variables(self, variables: Sequence[tf.Variable]) -> None:
        """Gives every rank the values of rank 0 (a Keras variable's is `v.value`)."""

    def allreduce_gradients(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Means over ranks, as ONE grouped operation, so that sums are formed in one order.

        To be called inside a `tf.function`; gradients keep their order and shapes.
        """

    def allreduce_tensor(self, tensor: tf.Tensor) -> tf.Tensor:
        """The sum over ranks, inside a `tf.function`, with its gradient.

        Used for the sums of a batch Dice.  The gradient of a sum over ranks is the sum of
        the ranks' gradients, so a loss that every rank computes from it is counted `size`
        times: `allreduce_gradients`, a mean, divides it again.
        """

    def allreduce_sum(self, value: ArrayLike) -> Numbers:
        """The element-wise sum over ranks, in float64, or int64 for integers."""

    def allreduce_mean(self, value: ArrayLike) -> Numbers:
        """The element-wise mean over ranks, in float64."""

    def agree_any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank: the same answer on all."""

    def gather_objects(self, item: Json) -> list[Json]:
        """Every rank's item, in rank order, on every rank; small things that JSON can say."""

    def barrier(self) -> None:
        """Returns once all ranks have called it."""

    def shutdown(self) -> None:
        """Ends the conversation; nothing but the attributes may be used afterwards."""


def summable(value: ArrayLike) -> Numbers:
    """The value in the type that its sum over ranks has: int64 for integers, else float64."""
    array = np.asarray(value)
    if np.issubdtype(array.dtype, np.integer) or array.dtype == bool:
        return array.astype(np.int64)
    return array.astype(np.float64)
