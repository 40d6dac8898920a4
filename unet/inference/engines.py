"""What runs the network on a batch of windows: OpenVINO or TensorFlow, one interface.

OpenVINO is the default where it is installed: it was the faster on every processor
measured (bench/inference.py).
"""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal, Protocol

import keras
import numpy as np
import tensorflow as tf

from unet.system.errors import UsageError

if TYPE_CHECKING:
    import openvino

EngineName = Literal["openvino", "tensorflow"]
EngineChoice = Literal["auto", "openvino", "tensorflow"]
Precision = Literal["float32", "bfloat16"]
HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16"}
GAIN = 0.8
"""Share of float32's time that bfloat16 must stay below: noise must not decide."""
TRIES = 3
"""Windows that each precision is timed on; the first of them is slower, so the least counts."""

WIDE_TENSORS = {"openvino": 4.2, "tensorflow": 8.0}
"""Full-resolution tensors of the first level's width alive at the peak of one window.

Measured for 16 and 32 filters at 64 and 96 voxels a side: 4.0 to 4.1 under OpenVINO.
"""


class Engine(Protocol):
    """Runs a network on windows."""

    name: str
    precision: Precision
    """What its convolutions compute in."""
    batch: int
    """Windows it takes at once without exceeding the memory or idling a thread."""

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """float32 [N, d, h, w, C] → logits float32 [N, d, h, w, K], N ≤ batch."""
        ...


class TensorFlowEngine:
    """The network as trained, traced once for all batch sizes."""

    name = "tensorflow"

    def __init__(self, model: keras.Model, batch: int, precision: Precision) -> None:
        self.batch, self.precision = batch, precision
        self._run = tf.function(
            lambda windows: model(windows, training=False), reduce_retracing=True
        )

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        logits: np.ndarray = self._run(tf.constant(windows, tf.float32)).numpy()
        return logits


class OpenVinoEngine:
    """The network compiled for this processor; each window runs in a stream of its own.

    A stream per thread costs less processor time than all threads on one window, which
    must wait for each other at every layer.
    """

    name = "openvino"

    def __init__(
        self,
        model: keras.Model,
        window: tuple[int, int, int],
        *,
        threads: int,
        batch: int,
        precision: Precision | None = None,
    ) -> None:
        graph = to_openvino(model, window)
        self.batch = batch
        self.precision = precision or faster_precision(graph)
        compiled = openvino_core().compile_model(
            graph,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": batch,
                "INFERENCE_PRECISION_HINT": HINTS[self.precision],
            },
        )
        self._requests = [compiled.create_infer_request() for _ in range(batch)]

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        requests = self._requests[: len(windows)]
        # Contiguous float32 is read where it lies, not copied.
        for request, window in zip(requests, windows, strict=True):
            request.start_async({0: np.ascontiguousarray(window[None])}, share_inputs=True)
        for request in requests:
            request.wait()
        return np.concatenate([request.get_output_tensor(0).data for request in requests])


def faster_precision(graph: openvino.Model) -> Precision:
    """The precision that takes this processor less time, found by running a few windows.

    A processor that has bfloat16 need not be faster in it: with avx512_bf16 one took half of
    float32's time, another half as much again.
    """
    window = np.random.default_rng(0).normal(size=graph.input(0).shape).astype(np.float32)
    spent = {}
    for precision, hint in HINTS.items():
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": hint}
        request = openvino_core().compile_model(graph, "CPU", options).create_infer_request()
        tries = []
        for _ in range(TRIES):
            began = time.process_time()
            request.infer({0: window})
            tries.append(time.process_time() - began)
        spent[precision] = min(tries)
    return "bfloat16" if spent["bfloat16"] < GAIN * spent["float32"] else "float32"


def import_openvino() -> ModuleType:
    """OpenVINO without its telemetry, which tells a server of each import and conversion.

    No hospital wants that; and where the server cannot be reached, the process that sends it
    may wait for ever, and ours for it at its end.
    """
    # As if it were not installed: Python's own way to say so, which the stubs do not know.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    module: ModuleType = openvino
    return module


@cache
def openvino_core() -> openvino.Core:
    """OpenVINO itself, one for the life of the process.

    Each of its CPU plugins brings an alternate signal stack, and gives the one before back
    when it ends: of two that do not end last in, first out, one leaves a stack that is gone,
    and the next signal kills the process (OpenVINO 2025 and 2026).
    """
    return import_openvino().Core()


def to_openvino(model: keras.Model, window: tuple[int, int, int]) -> openvino.Model:
    """Converts a network for windows of one size, batch 1."""
    shape = (1, *window, model.input_shape[-1])
    function = tf.function(
        lambda windows: model(windows, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32, name="windows")],
    )
    return import_openvino().convert_model(function.get_concrete_function())


def choose_engine(wanted: EngineChoice) -> EngineName:
    """The engine to use; `auto` takes OpenVINO where it is installed.

    Raises:
        UsageError: if OpenVINO is asked for by name and not installed.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if wanted == "auto":
        return "openvino" if installed else "tensorflow"
    if wanted == "openvino" and not installed:
        remedy = "pip install openvino, or give --backend tensorflow"
        raise UsageError("--backend openvino", "OpenVINO is not installed", remedy)
    return wanted


def make_engine(
    name: EngineName,
    model: keras.Model,
    window: tuple[int, int, int],
    *,
    filters: int,
    threads: int,
    memory_bytes: int,
    precision: Precision | None = None,
) -> Engine:
    """Makes an engine that takes as many windows at once as threads and memory allow.

    Args:
        name: which one.
        model: [N, d, h, w, C] → logits [N, d, h, w, K]; for OpenVINO in float32.
        window: size of the windows in voxels.
        filters: feature maps at full resolution, for the estimate of memory.
        threads: to run with.
        memory_bytes: that may be taken now.
        precision: that TensorFlow's model has; that OpenVINO takes, the faster if None.
    """
    batch = windows_at_once(name, window, filters, threads, memory_bytes)
    if name == "openvino":
        return OpenVinoEngine(model, window, threads=threads, batch=batch, precision=precision)
    return TensorFlowEngine(model, batch, precision or "float32")


def windows_at_once(
    engine: EngineName, window: tuple[int, int, int], filters: int, threads: int, memory_bytes: int
) -> int:
    """Windows that fit into half of the free memory, one per thread at most."""
    each = WIDE_TENSORS[engine] * filters * math.prod(window) * 4
    return int(max(1, min(threads, memory_bytes // 2 // each)))
