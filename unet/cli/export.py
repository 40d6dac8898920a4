"""Write a trained model as ONNX and OpenVINO IR, and check that they agree with it.

Written to --output: unet3d.onnx, unet3d.xml with unet3d.bin, and export.json, which says how
a case is prepared for the network and what its outputs mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from unet.system.errors import UsageError
from unet.system.start_tensorflow import start_tensorflow

HELP = "write ONNX and OpenVINO models and check that they agree"
FORMATS = ("onnx", "openvino")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "--saved_model",
        "--saved-model",
        type=Path,
        required=True,
        metavar="FILE_OR_RUN",
        help="a model file (.hdf5), or the run folder that holds it",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="where the files go"
    )
    parser.add_argument(
        "--format",
        default=",".join(FORMATS),
        metavar="F[,F]",
        help=f"of {', '.join(FORMATS)} (default: both)",
    )
    parser.add_argument("--json", action="store_true", help="print export.json, nothing else")


def run(args: argparse.Namespace) -> int:
    """Exports and prints what was written and how well it agrees."""
    formats = tuple(name.strip() for name in args.format.split(","))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError("--format", repr(unknown[0]), f"choose from {', '.join(FORMATS)}")
    start_tensorflow()
    # These load TensorFlow, whose threads are settled by then.
    from unet.inference.export import export
    from unet.network.saved_model import load_bundle

    exported = export(load_bundle(args.saved_model), args.output, formats)
    if args.json:
        print(exported.model_dump_json(indent=1))
        return 0
    for name, file in exported.files.items():
        print(f"{args.output / file}  largest difference {exported.parity[name]:.1e}")
    return 0
