"""Predicted against measured peak memory of the whole planned `unet train`.

    python bench/plan_memory.py [--data_path DIR …] [--minutes 20] [--steps 6] [--limit-gib 2]

For each data set `unet train` runs with a plan for --minutes, cut short to a few steps, one
validation and one checkpoint: everything that a full run keeps in memory is there.  plan.json
tells the prediction, the kernel the peak RSS of the command.  Goal: within 20 %.  With
--limit-gib both run in a control group of that size, as in a container: a plan that does not
fit ends with code 14 or is killed, and is no result.  Without --data_path three phantoms of
unlike geometry are made.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
from pathlib import Path

from common import limited_group, parser, require, run, spread, unet

PHANTOMS = ("Task01_BrainTumour", "Task04_Hippocampus", "Task06_Lung")


def one(
    data: Path, folder: Path, args: argparse.Namespace, group: Path | None
) -> dict[str, object]:
    """Trains on one data set and compares."""
    output = folder / f"run_{data.name}"
    both = {"--data_path": data, "--output": output, "--threads": args.threads}
    # The plan of a real run, probe and all; the run then takes it from its folder.
    planned = unet("plan", {**both, "--time-budget": f"{args.minutes}m"})
    require(run(planned, args.threads, group=group), f"plan of {data.name}")
    file = output / "plan.json"
    plan = json.loads(file.read_text()) | {"steps_per_epoch": args.steps, "epochs": 1}
    file.write_text(json.dumps(plan))
    train = unet("train", {**both, "--epochs": 1, "--validate-every": 1})
    done = require(run(train, args.threads, group=group), f"train on {data.name}")
    return {
        "data_set": data.name,
        "patch": plan["patch_size"],
        "batch": plan["batch_size"],
        "precision": plan["precision"],
        "limit_gib": round(plan["memory_limit_bytes"] / 2**30, 3),
        "predicted_gib": round(plan["memory_bytes"] / 2**30, 3),
        "measured_gib": round(done.peak_bytes / 2**30, 3),
        "predicted_over_measured": round(plan["memory_bytes"] / done.peak_bytes, 3),
    }


def phantoms(folder: Path, args: argparse.Namespace) -> list[Path]:
    """Three data sets of unlike geometry."""
    for task in PHANTOMS:
        options = {"--output": folder / task, "--task": task, "--cases": args.phantom_cases}
        require(run(unet("phantom", options), args.threads), f"phantom {task}")
    return [folder / task for task in PHANTOMS]


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--data_path", "--data-path", type=Path, nargs="+", default=[], metavar="DIR")
    add("--phantom-cases", type=int, default=8)
    add("--minutes", type=int, default=20, help="time budget of the plan (default: 20)")
    add("--steps", type=int, default=6, help="steps trained (default: 6)")
    add("--limit-gib", type=float, help="memory of the control group (default: no group)")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets = [path.resolve() for path in args.data_path] or phantoms(folder, args)
        limit = args.limit_gib and int(args.limit_gib * 2**30)
        with limited_group(limit) if limit else contextlib.nullcontext() as group:
            found = [one(data, folder, args, group) for data in sets]
    ratio = spread([float(str(entry["predicted_over_measured"])) for entry in found], 3)
    print(json.dumps({"tasks": found, "predicted_over_measured": ratio}, indent=1))


if __name__ == "__main__":
    main()
