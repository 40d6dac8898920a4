"""Dice on cases that chose nothing, after a time budget, and Dice against time while training.

    python bench/quality.py --data_path DIR --time-budget 20m [--figure docs/quality.png]
    python bench/quality.py … --peer-python PEER/bin/python [--peers tutorial nnunet]

One fold of the cases is laid aside before either side sees the data: training gets a data
set without it and chooses its best epoch by validation cases of its own.  `unet train` gets
paths and a time budget, nothing else; `unet evaluate` scores the fold over whole volumes.
The curve is the inner validation's Dice as the training prints it, on the prepared grid.

With --peer-python MONAI's networks get the same cases for the same time and are scored by
the same code: `tutorial` as MONAI's 3D tutorial does, choosing by an inner validation of the
same size as ours; `nnunet` follows nnU-Net's 3d_fullres recipe and, like nnU-Net, keeps its
last weights.  It is our reading of that plan, not nnU-Net's own program.  Run it idle.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from common import ROOT, environment, given, parser, require, run, unet
from held_out import HeldOut, hold_out

PEERS = {"tutorial": "monai_tutorial.py", "nnunet": "nnunet_plan.py"}


@dataclass(frozen=True)
class Point:
    """Validation Dice after some minutes since the command's start."""

    minutes: float
    dice: float


def train(args: argparse.Namespace, data: Path, folder: Path) -> tuple[float, list[Point]]:
    """Runs `unet train`; returns its minutes and the curve."""
    from unet.system.logfmt import parse_line

    options = {
        "--data_path": data,
        "--output": folder,
        "--time-budget": args.time_budget,
    }
    points, began = [], time.monotonic()
    with subprocess.Popen(
        unet("train", options),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(args.threads),
    ) as process:
        assert process.stdout is not None, "opened as a pipe"
        for line in process.stdout:
            sys.stderr.write(line)
            fields = parse_line(line) or {}
            if "epoch" in fields and "val_dice" in fields and "event" not in fields:
                minutes = (time.monotonic() - began) / 60
                points.append(Point(round(minutes, 2), float(fields["val_dice"])))
    if process.returncode:
        raise SystemExit(f"unet train ended with code {process.returncode}")
    return (time.monotonic() - began) / 60, points


def peer(
    args: argparse.Namespace, name: str, run_folder: Path, held: HeldOut, minutes: float
) -> dict[str, object]:
    """Trains a peer's network for `minutes` on our run's cases and scores it with our code."""
    from unet.data.msd import load_dataset
    from unet.data.regions import make_target
    from unet.data.split import load_split
    from unet.evaluation.intervals import bootstrap_mean

    dataset, split = load_dataset(args.data_path), load_split(run_folder / "split.json")
    target = make_target(dataset, None, None)
    if len(dataset.channels) != 1 or not target.exclusive:
        raise SystemExit("the peers' networks are set up for one channel and exclusive labels")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = {case.id: [str(case.image), str(case.label)] for case in dataset.cases}
        task = {
            "training": [files[case] for case in split.training],
            "selection": [files[case] for case in split.validation],
            "scored": {case: files[case] for case in held.cases},
            "outputs": target.outputs,
            "minutes": minutes,
            "threads": args.threads,
            "patch": args.peer_patch,
            "predictions": str(folder),
        }
        (folder / "task.json").write_text(json.dumps(task))
        command = [args.peer_python, str(ROOT / "bench/peers" / PEERS[name]), folder / "task.json"]
        done = require(run(command, args.threads), f"the peer {name}")
        scores = score(args.data_path, held, folder)
    note = json.loads(done.output.strip().splitlines()[-1])
    estimate = given(bootstrap_mean(scores), "the peer's Dice")
    return {"minutes": minutes, "mean_dice": estimate.model_dump(), **note}


def score(data: Path, held: HeldOut, predictions: Path) -> list[float]:
    """Mean Dice of every held-out case from the label values in `predictions`/CASE.npy."""
    import numpy as np

    from unet.data.msd import load_dataset
    from unet.data.regions import make_target
    from unet.data.volume import read_image, read_label
    from unet.evaluation.metrics import dice

    dataset = load_dataset(data)
    target, scores = make_target(dataset, None, None), []
    for case in (dataset.case(name) for name in held.cases):
        volume = read_image(case.image, 1, (0,))
        label = given(case.label, f"{case.id}: label")
        truth = target.region_masks(read_label(label, volume, tuple(dataset.labels)))
        found = target.region_masks(np.load(predictions / f"{case.id}.npy"))
        pairs = [dice(found[..., r], truth[..., r]) for r in range(truth.shape[-1])]
        scores.append(float(np.nanmean(pairs)))
    return scores


def draw(file: Path, name: str, points: list[Point], final: float, minutes: float) -> None:
    """Draws Dice against minutes; the star is the evaluation over whole volumes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(
        [p.minutes for p in points], [p.dice for p in points], marker="o", label="inner validation"
    )
    axes.plot([minutes], [final], "*", markersize=12, label="held-out cases, whole volumes")
    axes.set(xlabel="minutes since the start", ylabel="mean Dice", title=name)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def measure(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    from unet.planning.settings import TrainSettings

    shutil.rmtree(folder / "data", ignore_errors=True)
    held = hold_out(args.data_path, folder / "data", args.fold, args.folds)
    minutes, points = train(args, held.training, folder / "run")
    results = folder / "results"
    options = {
        "--data_path": args.data_path,
        "--saved_model": folder / "run",
        "--output": results,
        "--cases": ",".join(held.cases),
    }
    scored = require(run(unet("evaluate", options), args.threads), "unet evaluate")
    summary = json.loads((results / "results.json").read_text())["summary"]
    result = {
        "data_set": args.data_path.name,
        "fold": f"{args.fold}/{args.folds}",
        "held_out_cases": len(held.cases),
        "time_budget": args.time_budget,
        "threads": args.threads,
        "training_minutes": round(minutes, 2),
        "evaluation_minutes": round(scored.wall / 60, 2),
        "mean_dice": summary["mean_dice"],
        "regions": {r["region"]: r["dice"] for r in summary["regions"]},
        "curve": [[p.minutes, p.dice] for p in points],
    }
    if args.figure:
        draw(args.figure, args.data_path.name, points, summary["mean_dice"]["mean"], minutes)
    if args.peer_python:
        asked = TrainSettings(data_path=args.data_path, output=folder, time_budget=args.time_budget)
        budget = given(asked.time_budget, "--time-budget") / 60
        result["peers"] = {
            name: peer(args, name, folder / "run", held, budget) for name in args.peers
        }
    return result


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--data_path", "--data-path", type=Path, required=True, metavar="DIR")
    add("--time-budget", default="5m", help="of training (default: 5m)")
    add("--fold", type=int, default=0)
    add("--folds", type=int, default=5)
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    add("--keep", type=Path, metavar="DIR", help="leave run and results there")
    add("--peer-python", help="python with torch, monai and nibabel; trains the peer as well")
    add("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    add("--peer-patch", type=int, nargs=3, default=(32, 48, 32), help="the peer's patch")
    add("--figure", type=Path, metavar="PNG")
    args = arguments.parse_args()
    args.data_path = args.data_path.resolve()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        print(json.dumps(measure(args, args.keep), indent=1))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(args, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
