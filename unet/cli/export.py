"""Write a trained model as ONNX and OpenVINO IR, and check that they agree with it.

Written to --output: unet3d.onnx, unet3d.xml with unet3d.bin, and export.json, which says how
a case is prepared for the network and what its outputs mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from unet.cli.command import Command
from unet.system.errors import UsageError
from unet.system.settings import Flag, Settings

Format = Literal["onnx", "openvino"]
FORMATS: tuple[Format, ...] = get_args(Format)


class ExportSettings(Settings):
    """What `export` can be told."""

    saved_model: Annotated[Path, Flag("FILE_OR_RUN", underscores_first=True)] = Field(
        description="a model file (.hdf5), or the run folder that holds it"
    )
    output: Annotated[Path, Flag("DIR")] = Field(description="where the files go")
    format: Annotated[str, Flag("F[,F]")] = Field(
        ",".join(FORMATS), description=f"of {', '.join(FORMATS)} (default: both)"
    )


def run(settings: ExportSettings, as_json: bool) -> int:
    """Exports and prints what was written and how well it agrees."""
    formats = tuple(_format(name.strip()) for name in settings.format.split(","))
    from unet.system.start_tensorflow import start_tensorflow

    start_tensorflow()
    # These load TensorFlow, whose threads are settled by then.
    from unet.inference.export import export
    from unet.network.saved_model import load_model

    exported = export(load_model(settings.saved_model), settings.output, formats)
    if as_json:
        print(exported.model_dump_json(indent=1))
        return 0
    for name, file in exported.files.items():
        print(f"{settings.output / file}  largest difference {exported.parity[name]:.1e}")
    return 0


def _format(name: str) -> Format:
    for known in FORMATS:
        if name == known:
            return known
    raise UsageError("--format", repr(name), f"choose from {', '.join(FORMATS)}")


COMMAND = Command(ExportSettings, run, json="print export.json, nothing else")
