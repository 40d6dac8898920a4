"""Writes a trained network as ONNX and OpenVINO IR, and checks that both still agree with it.

Keras' own exporter writes both; OpenVINO takes each instance norm for one kernel then, as it
does in predictions (`engines.to_openvino`).

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
from pydantic import BaseModel, ConfigDict

from unet.data.recipe import Recipe
from unet.data.regions import Target
from unet.inference.engines import import_openvino, openvino_core
from unet.inference.predictor import activate
from unet.network.model import build_network
from unet.network.saved_model import SavedModel
from unet.system.atomic_file import sync_folder, write_text
from unet.system.errors import NumericError, UsageError
from unet.system.os_error import while_writing

Format = Literal["onnx", "openvino"]
NEEDS: dict[Format, tuple[str, ...]] = {
    "onnx": ("tf2onnx", "onnxruntime"),
    "openvino": ("openvino",),
}
SUFFIX: dict[Format, str] = {"onnx": "onnx", "openvino": "xml"}
BATCH: dict[Format, int | None] = {"onnx": None, "openvino": 1}
"""Windows at once; None is any number."""
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
    files: dict[Format, str]
    """Format → file name."""
    parity: dict[Format, float]
    """Format → largest difference of a probability from TensorFlow's."""


def export(saved: SavedModel, folder: Path, formats: tuple[Format, ...]) -> Exported:
    """Writes `unet3d.onnx`, `unet3d.xml` with `unet3d.bin`, and export.json.

    Raises:
        UsageError: a package that a format needs is not installed.
        NumericError: an export disagrees with the model by more than `TOLERANCE`.
        DiskError: the folder cannot be written.
    """
    for kind in formats:
        _require(kind)
    plan = saved.plan
    model = build_network(plan.network, "float32", plan.patch_size)
    model.set_weights(saved.weights)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export.", dir=folder) as name:
            files, parity = _write_and_check(model, saved, Path(name), formats)
            _publish(Path(name), folder)
        exported = Exported(
            dataset=saved.dataset_name,
            channels=saved.channel_names,
            window=plan.patch_size,
            recipe=saved.recipe,
            target=saved.target,
            activation=saved.target.activation,
            files=files,
            parity=parity,
        )
        write_text(folder / "export.json", exported.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise while_writing(folder, error) from error
    return exported


def _write_and_check(
    model: keras.Model, saved: SavedModel, folder: Path, formats: tuple[Format, ...]
) -> tuple[dict[Format, str], dict[Format, float]]:
    """Writes each format and runs it on a random window.

    Returns:
        File name, and largest difference of a probability, by format.

    Raises:
        NumericError: a difference exceeds `TOLERANCE`.
    """
    window = saved.plan.patch_size
    shape = (1, *window, saved.plan.network.channels)
    sample = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = activate(model(sample, training=False).numpy(), saved.target)
    files: dict[Format, str] = {}
    parity: dict[Format, float] = {}
    for kind in formats:
        file = folder / f"unet3d.{SUFFIX[kind]}"
        _write(model, kind, window, file)
        run = {"onnx": _run_onnx, "openvino": _run_openvino}[kind]
        answer = activate(run(file, sample), saved.target)
        parity[kind] = _checked(kind, answer, expected)
        files[kind] = file.name
    return files, parity


def _publish(written: Path, folder: Path) -> None:
    """Moves the files to where they belong once all of them are on the disk."""
    for file in written.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        # TemporaryDirectory's 0700 and umask do not matter any more: one mode for all.
        file.chmod(0o644)
        file.replace(folder / file.name)
    sync_folder(folder)


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


def _write(model: keras.Model, kind: Format, window: tuple[int, int, int], file: Path) -> None:
    """Writes the network by Keras' exporter, its input named `windows`, its output `logits`."""
    if kind == "openvino":
        import_openvino()  # before Keras does, so that it comes without its telemetry
    named = keras.Model(model.inputs, {"logits": model.outputs[0]}, name=model.name)
    shape = (BATCH[kind], *window, model.input_shape[-1])
    named.export(
        str(file),
        format=kind,
        verbose=False,
        input_signature=[keras.InputSpec(shape=shape, dtype="float32", name="windows")],
        **({"opset_version": OPSET} if kind == "onnx" else {}),
    )


def _run_onnx(file: Path, sample: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    logits: np.ndarray = session.run(None, {session.get_inputs()[0].name: sample})[0]
    return logits


def _run_openvino(file: Path, sample: np.ndarray) -> np.ndarray:
    compiled = openvino_core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(sample)[0])
