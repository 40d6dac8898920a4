"""The engine of several ranks: Horovod over MPI.

This is the only module that imports Horovod, which is no longer maintained.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unet.parallel.comm import Json, Numbers, summable
from unet.system.errors import PeerLostError

if TYPE_CHECKING:
    import tensorflow as tf

T = TypeVar("T")

# Horovod's MPI thread waits on a core that TensorFlow needs.  By default it spins; with
# these it sleeps for so many microseconds (bench/scaling.py: 90 % of a lone rank's speed, 76 %
# when it wakes ten times as often, 62 % when it spins).  A mere yield is faster where all cores
# are busy, but where one is idle it spins, on a container's share of processor time.
WAIT_SETTINGS = {"I_MPI_THREAD_YIELD": "3", "I_MPI_THREAD_SLEEP": "1000"}

# Horovod waits for ever for a rank that never comes.  Ranks wait for each other longest
# while one of them still preprocesses its last case or validates it: minutes.
STALL_SETTINGS = {
    "HOROVOD_STALL_CHECK_TIME_SECONDS": "300",
    "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "1800",
}


class Horovod:
    """Horovod over MPI, one process per rank."""

    def __init__(self) -> None:
        """Joins the ranks that mpirun started; runs no TensorFlow operation.

        Threads may therefore still be set by `tf.config.threading` afterwards.
        """
        for name, value in {**WAIT_SETTINGS, **STALL_SETTINGS}.items():
            os.environ.setdefault(name, value)
        _preload_libfabric()
        import horovod.tensorflow as hvd
        import tensorflow as tf

        self._hvd, self._tf = hvd, tf
        hvd.init()
        self.rank, self.size, self.local_rank = hvd.rank(), hvd.size(), hvd.local_rank()

    def broadcast_variables(self, variables: Sequence[tf.Variable]) -> None:
        """One broadcast from rank 0."""
        self._collective(lambda: self._hvd.broadcast_variables(list(variables), root_rank=0))

    def allreduce_gradients(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """One grouped allreduce; one rank needs none."""
        if self.size == 1:
            return list(gradients)
        means: list[tf.Tensor] = self._hvd.grouped_allreduce(list(gradients), op=self._hvd.Average)
        return means

    def allreduce_tensor(self, tensor: tf.Tensor) -> tf.Tensor:
        """One allreduce, which Horovod knows how to differentiate."""
        return self._hvd.allreduce(tensor, op=self._hvd.Sum)

    def allreduce_sum(self, value: ArrayLike) -> Numbers:
        """One allreduce."""
        array = summable(value)
        total = self._collective(
            lambda: self._hvd.allreduce(self._tf.constant(array), op=self._hvd.Sum, name="unet.sum")
        )
        result: Numbers = total.numpy()
        return result

    def allreduce_mean(self, value: ArrayLike) -> Numbers:
        """One allreduce."""
        mean: Numbers = self.allreduce_sum(np.asarray(value, np.float64)) / self.size
        return mean

    def agree_any(self, flag: bool) -> bool:
        """One allreduce of a number."""
        return bool(self.allreduce_sum(int(flag)) > 0)

    def gather_objects(self, item: Json) -> list[Json]:
        """Two allgathers: the lengths, then the bytes."""
        text = np.frombuffer(json.dumps(item).encode(), dtype=np.uint8)
        lengths = self._allgather(np.array([text.size], dtype=np.int64), "unet.lengths")
        joined = self._allgather(text, "unet.items")
        pieces = np.split(joined, np.cumsum(lengths)[:-1])
        return [json.loads(piece.tobytes()) for piece in pieces]

    def barrier(self) -> None:
        """One allreduce of a number."""
        self.allreduce_sum(0)

    def shutdown(self) -> None:
        """Leaves the other ranks; their next collective call fails."""
        self._hvd.shutdown()

    def _allgather(self, array: NDArray[np.generic], name: str) -> NDArray[np.generic]:
        gathered = self._collective(
            lambda: self._hvd.allgather(self._tf.constant(array), name=name)
        )
        result: NDArray[np.generic] = gathered.numpy()
        return result

    def _collective(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (self._tf.errors.OpError, RuntimeError) as error:
            lost = as_peer_lost(error)
            if lost is None:
                raise
            raise lost from error


def as_peer_lost(error: BaseException) -> PeerLostError | None:
    """The `PeerLostError` behind an error of a step that holds collectives, if it is one.

    Inside a `tf.function` Horovod's failure arrives as a TensorFlow error with Horovod's
    words in it, so the training loop asks here.
    """
    text = str(error)
    if not any(word in text for word in ("Horovod has been shut down", "HorovodInternalError")):
        return None
    return PeerLostError(
        "another rank",
        "ended or stopped answering",
        "see its own lines above; resume with --resume",
    )


def _preload_libfabric() -> None:
    """Loads the libfabric that came with Intel MPI, before libmpi looks for one.

    Without LD_LIBRARY_PATH the loader would take the system's, which may be too old.
    """
    library = Path(sys.prefix) / "lib" / "libfabric.so.1"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
