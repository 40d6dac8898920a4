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

from common import parser, require, run, spread, unet


def once(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Wall seconds of every command, CPU seconds of all, and the Dice reached."""
    data, trained, results = folder / "data", folder / "run", folder / "results"
    commands = {
        "phantom": {"--output": data},
        "train": {"--data_path": data, "--output": trained, "--time-budget": args.time_budget},
        "evaluate": {"--data_path": data, "--saved_model": trained, "--output": results},
    }
    seconds: dict[str, float] = {}
    cpu = 0.0
    for name, options in commands.items():
        done = require(run(unet(name, options), args.threads), name)
        seconds[name], cpu = done.wall, cpu + done.cpu
    done = require(run([*unet("report", {"--output": results}), "--json"], args.threads), "report")
    seconds["report"], cpu = done.wall, cpu + done.cpu
    found = json.loads((results / "results.json").read_text())
    whole = sum(seconds.values())
    return {
        **seconds,
        "total": whole,
        "cpu": cpu,
        "mean_dice": found["summary"]["mean_dice"]["mean"],
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--time-budget", default="2m", help="of training (default: 2m)")
    arguments.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments.add_argument("--rounds", type=int, default=1)
    args = arguments.parse_args()
    rounds = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            rounds.append(once(args, Path(name)))
    spreads = {key: spread([r[key] for r in rounds]) for key in rounds[0]}
    dice = spreads.pop("mean_dice")
    result = {
        "time_budget": args.time_budget,
        "threads": args.threads,
        "rounds": args.rounds,
        "seconds": spreads,
        "mean_dice": dice,
        "under_five_minutes": max(r["total"] for r in rounds) < 300,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
