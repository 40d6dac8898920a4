"""A first try, timed: phantom, train, evaluate, report, as a newcomer types them.

    python bench/first_try.py [--time-budget 2m]

Goal: less than five minutes after set-up, on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from common import PYTHON, require, run, spread


def once(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Wall seconds of every command, CPU seconds of all, and the Dice reached."""
    unet = [PYTHON, "-m", "unet"]
    data, trained, results = folder / "data", folder / "run", folder / "results"
    commands = {
        "phantom": [*unet, "phantom", "--output", data],
        "train": [
            *unet,
            "train",
            "--data_path",
            data,
            "--output",
            trained,
            "--time-budget",
            args.time_budget,
        ],
        "evaluate": [
            *unet,
            "evaluate",
            "--data_path",
            data,
            "--saved_model",
            trained,
            "--output",
            results,
        ],
        "report": [*unet, "report", "--output", results, "--json"],
    }
    seconds, cpu = {}, 0.0
    for name, command in commands.items():
        done = require(run(command, args.threads), name)
        seconds[name], cpu = done.wall, cpu + done.cpu
    found = json.loads((results / "results.json").read_text())
    whole = sum(seconds.values())
    return {
        **seconds,
        "total": whole,
        "cpu": cpu,
        "mean_dice": found["summary"]["mean_dice"]["mean"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time-budget", default="2m", help="of training (default: 2m)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    rounds = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            rounds.append(once(args, Path(name)))
    print(
        json.dumps(
            {
                "time_budget": args.time_budget,
                "threads": args.threads,
                "rounds": args.rounds,
                "seconds": {
                    key: spread([r[key] for r in rounds]) for key in rounds[0] if key != "mean_dice"
                },
                "mean_dice": spread([r["mean_dice"] for r in rounds]),
                "under_five_minutes": max(r["total"] for r in rounds) < 300,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
