"""How ranks talk to each other: one small interface, two engines.

This is the only module that imports Horovod.  Horovod is no longer maintained; another
engine takes its place by implementing `Comm` and passing the same tests
(tests/unit/run/test_comm.py, tests/mpi).

Every method but `rank`, `size` and `local_rank` is collective: all ranks call it, in the
same order.  A rank that ends or stops answering surfaces on the others as
`PeerLostError`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from unet.parallel.mpi_environment import asked_size, check_size
from unet.system.errors import PeerLostError, UsageError

if TYPE_CHECKING:
    import tensorflow as tf

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
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

    def allreduce_sum(self, value: np.ndarray | float) -> np.ndarray:
        """The element-wise sum over ranks, in float64, or int64 for integers."""

    def allreduce_mean(self, value: np.ndarray | float) -> np.ndarray:
        """The element-wise mean over ranks, in float64."""

    def agree_any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank: the same answer on all."""

    def gather_objects(self, item: Json) -> list[Json]:
        """Every rank's item, in rank order, on every rank; small things that JSON can say."""

    def barrier(self) -> None:
        """Returns once all ranks have called it."""

    def shutdown(self) -> None:
        """Ends the conversation; nothing but the attributes may be used afterwards."""


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

    def allreduce_sum(self, value: np.ndarray | float) -> np.ndarray:
        """The value in the type that a sum has."""
        return _summable(value)

    def allreduce_mean(self, value: np.ndarray | float) -> np.ndarray:
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


class Horovod:
    """Horovod over MPI, one process per rank."""

    def __init__(self) -> None:
        """Joins the world that mpirun made; runs no TensorFlow operation.

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
        return self._hvd.grouped_allreduce(list(gradients), op=self._hvd.Average)

    def allreduce_tensor(self, tensor: tf.Tensor) -> tf.Tensor:
        """One allreduce, which Horovod knows how to differentiate."""
        return self._hvd.allreduce(tensor, op=self._hvd.Sum)

    def allreduce_sum(self, value: np.ndarray | float) -> np.ndarray:
        """One allreduce."""
        array = _summable(value)
        total = self._collective(
            lambda: self._hvd.allreduce(self._tf.constant(array), op=self._hvd.Sum, name="unet.sum")
        )
        return total.numpy()

    def allreduce_mean(self, value: np.ndarray | float) -> np.ndarray:
        """One allreduce."""
        return self.allreduce_sum(np.asarray(value, dtype=np.float64)) / self.size

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
        """Leaves the world; the other ranks' next collective call fails."""
        self._hvd.shutdown()

    def _allgather(self, array: np.ndarray, name: str) -> np.ndarray:
        gathered = self._collective(
            lambda: self._hvd.allgather(self._tf.constant(array), name=name)
        )
        return gathered.numpy()

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


def open_comm(
    expected_size: int | None = None, environment: Mapping[str, str] = os.environ
) -> Comm:
    """The engine for this process: Horovod under mpirun with several ranks, else Solo.

    Args:
        expected_size: ranks that the caller counts on; None to take what mpirun says.
        environment: where mpirun leaves its variables.

    Raises:
        UsageError: the world is not of the size asked for, or Horovod is missing.
    """
    asked = asked_size(environment)
    wanted = expected_size or asked or 1
    if asked is None or wanted == 1:
        check_size(asked or 1, wanted)
        return Solo()
    if importlib.util.find_spec("horovod") is None:
        raise UsageError(
            "horovod", f"not installed, but mpirun asks for {asked} ranks", "run `make setup`"
        )
    comm = Horovod()
    check_size(comm.size, wanted)
    return comm


def _summable(value: np.ndarray | float) -> np.ndarray:
    array = np.asarray(value)
    exact = np.issubdtype(array.dtype, np.integer) or array.dtype == bool
    return array.astype(np.int64 if exact else np.float64)


def _preload_libfabric() -> None:
    """Loads the libfabric that came with Intel MPI, before libmpi looks for one.

    Without LD_LIBRARY_PATH the loader would take the system's, which may be too old.
    """
    library = Path(sys.prefix) / "lib" / "libfabric.so.1"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
