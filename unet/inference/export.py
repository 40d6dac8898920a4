"""Writes a trained network as ONNX and OpenVINO IR, and checks that both still agree with it.

What is exported maps windows float32 [N, d, h, w, C] to logits [N, d, h, w, outputs] (IR: N = 1);
`export.json` beside it says how to prepare a case and what the outputs mean.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from unet.data.recipe import Recipe
from unet.data.regions import Target
from unet.inference.engines import import_openvino, openvino_core, to_openvino
from unet.inference.predictor import activate
from unet.network.model import build_network
from unet.network.saved_model import Bundle
from unet.system.atomic_file import sync_folder, write_text
from unet.system.errors import DiskError, NumericError, UsageError

Format = Literal["onnx", "openvino"]
NEEDS = {"onnx": ("tf2onnx", "onnxruntime"), "openvino": ("openvino",)}
TOLERANCE = 1e-3
"""Largest difference of a probability; float32 on other kernels stays two orders below."""
OPSET = 17


class Exported(BaseModel):
    """The content of export.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    channels: tuple[str, ...]
    window: tuple[int, int, int]
    recipe: Recipe
    target: Target
    activation: Literal["softmax", "sigmoid"]
    files: dict[str, str]
    """Format → file name."""
    parity: dict[str, float]
    """Format → largest difference of a probability from TensorFlow's."""


def export(bundle: Bundle, folder: Path, formats: tuple[Format, ...]) -> Exported:
    """Writes `unet3d.onnx`, `unet3d.xml` with `unet3d.bin`, and export.json.

    Raises:
        UsageError: a package that a format needs is not installed.
        NumericError: an export disagrees with the model by more than `TOLERANCE`.
        DiskError: the folder cannot be written.
    """
    for name in formats:
        _require(name)
    plan = bundle.plan
    window = plan.patch_size
    model = build_network(plan.network, "float32", window)
    model.set_weights(bundle.weights)
    sample = np.random.default_rng(0).normal(size=(1, *window, plan.network.channels))
    sample = sample.astype(np.float32)
    expected = activate(model(sample, training=False).numpy(), bundle.target)
    files, parity = {}, {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export.", dir=folder) as name:
            for kind in formats:
                write = {"onnx": _write_onnx, "openvino": _write_openvino}[kind]
                file = write(model, window, Path(name))
                run = {"onnx": _run_onnx, "openvino": _run_openvino}[kind]
                answer = activate(run(file, sample), bundle.target)
                parity[kind] = _checked(kind, answer, expected)
                files[kind] = file.name
            for file in Path(name).iterdir():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
                # TemporaryDirectory's 0700 and umask do not matter any more: one mode for all.
                file.chmod(0o644)
                file.replace(folder / file.name)
            sync_folder(folder)
        exported = Exported(
            dataset=bundle.dataset_name,
            channels=bundle.channel_names,
            window=window,
            recipe=bundle.recipe,
            target=bundle.target,
            activation=bundle.target.activation,
            files=files,
            parity=parity,
        )
        write_text(folder / "export.json", exported.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise DiskError.from_os(folder, error) from error
    return exported


def _require(name: Format) -> None:
    missing = [package for package in NEEDS[name] if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageError(
            f"--format {name}",
            f"needs {' and '.join(missing)}",
            f"pip install {' '.join(missing)}, or export another format",
        )


def _checked(kind: Format, answer: np.ndarray, expected: np.ndarray) -> float:
    difference = float(np.abs(answer - expected).max())
    if not difference <= TOLERANCE:  # NaN is no agreement either
        found = f"differs from the model by {difference:.2g}, allowed is {TOLERANCE:g}"
        raise NumericError(kind, found, "use the .hdf5 model and report this")
    return difference


def _write_onnx(model: keras.Model, window: tuple[int, int, int], folder: Path) -> Path:
    import tf2onnx

    shape = (None, *window, model.input_shape[-1])
    function = tf.function(
        lambda windows: {"logits": model(windows, training=False)},
        input_signature=[tf.TensorSpec(shape, tf.float32, name="windows")],
    )
    file = folder / "unet3d.onnx"
    tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET, output_path=str(file)
    )
    return file


def _run_onnx(file: Path, sample: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: sample})[0]


def _write_openvino(model: keras.Model, window: tuple[int, int, int], folder: Path) -> Path:
    file = folder / "unet3d.xml"
    import_openvino().save_model(to_openvino(model, window), file, compress_to_fp16=False)
    return file


def _run_openvino(file: Path, sample: np.ndarray) -> np.ndarray:
    compiled = openvino_core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(sample)[0])
