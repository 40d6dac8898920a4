"""Score a trained model: predictions, Dice, HD95, NSD, pictures and a report.

Every case is predicted on its own grid and compared with its label over the whole volume.
Written to --output: results.json, results.csv, report.html, overlays/CASE.png and
predictions_directory/CASE_{img,msk,pred}.nii.gz.

Several machines share the work with --shard I/N; shards may run in any order and again,
and `python -m unet report --output` merges them once all are there.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from unet.data.msd import load_dataset
from unet.evaluation.folder import CaseResult, Folder, as_begun, parse_shard
from unet.system.logfmt import format_line
from unet.system.start_tensorflow import start_tensorflow

HELP = "score a trained model: Dice, HD95, NSD, predictions, report"
INTERVAL = 15.0  # seconds between progress lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "--data_path",
        "--data-path",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that holds dataset.json; may be another data set of the same task",
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="where results go"
    )
    parser.add_argument(
        "--cases",
        default="validation",
        metavar="WHICH",
        help="validation (default) or test: of the model's split; all; or ids with commas",
    )
    parser.add_argument(
        "--shard", default="0/1", metavar="I/N", help="evaluate part I of N only, I from 0"
    )
    parser.add_argument(
        "--no-overlays", "--no_overlays", action="store_true", help="draw no pictures"
    )
    parser.add_argument("--json", action="store_true", help="print results.json, nothing else")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say which model predicts, and how."""
    parser.add_argument(
        "--saved_model",
        "--saved-model",
        type=Path,
        required=True,
        metavar="FILE_OR_RUN",
        help="a model file (.hdf5), or the run folder that holds it",
    )
    parser.add_argument(
        "--backend",
        choices=("auto", "openvino", "tensorflow"),
        default="auto",
        help="what runs the network (default: OpenVINO where installed, the faster)",
    )
    parser.add_argument(
        "--overlap",
        type=_overlap,
        default=0.5,
        metavar="SHARE",
        help="least share of a window that its neighbour covers (default 0.5)",
    )
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="average over left and right exchanged: a little better, twice the work (default)",
    )


def _overlap(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to below 1")
    return share


def run(args: argparse.Namespace) -> int:
    """Evaluates the shard; makes the report too if it is the only one."""
    shard, shards = parse_shard(args.shard)
    stdout = sys.stdout
    # With --json nothing but the result goes to stdout.
    with contextlib.redirect_stdout(sys.stderr) if args.json else contextlib.nullcontext():
        folder = evaluate(args, Folder(args.output), shard, shards)
        if shards > 1:
            print(
                f"shard {args.shard} is done; `python -m unet report --output {args.output}` "
                f"merges all {shards}"
            )
            return 0
        from unet.cli.report import make_report

        results = make_report(folder, table=not args.json)
    if args.json:
        print(results.model_dump_json(indent=1), file=stdout)
    return 0


def evaluate(args: argparse.Namespace, folder: Folder, shard: int = 0, shards: int = 1) -> Folder:
    """Evaluates one shard's cases and prints a line for each."""
    start_tensorflow()
    # These load TensorFlow, whose threads are settled by then.
    from unet.evaluation.evaluator import Evaluator, channels_for, make_settings
    from unet.evaluation.postprocess import load_postprocess
    from unet.inference.predictor import Predictor
    from unet.network.saved_model import load_bundle

    dataset = load_dataset(args.data_path)
    bundle = load_bundle(args.saved_model)
    predictor = Predictor(
        bundle,
        channels_for(bundle, dataset),
        backend=args.backend,
        overlap=args.overlap,
        mirror=args.mirror,
    )
    postprocess = load_postprocess(bundle.path)
    settings = make_settings(bundle, dataset, args.cases, postprocess, predictor)
    settings = as_begun(folder, settings)
    evaluator = Evaluator(dataset, predictor, settings, folder, overlays=not args.no_overlays)
    evaluator.run(shard, shards, CaseLines())
    return folder


class CaseLines:
    """Prints `CASE, Dice = …` for each case, and now and then how far it is."""

    def __init__(self) -> None:
        self._dice: list[float] = []
        self._last = time.monotonic()

    def __call__(self, result: CaseResult, done: int, total: int) -> None:
        """See `unet.evaluation.evaluator.OnCase`."""
        self._dice.append(result.dice)
        print(f"{result.case}, Dice = {result.dice:.4f}", flush=True)
        if done == total or time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            mean = sum(self._dice) / len(self._dice)
            fields = {"stage": "evaluate", "done": f"{done}/{total}", "mean_dice": f"{mean:.4f}"}
            print(format_line(fields), flush=True)
