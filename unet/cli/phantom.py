"""Make a small synthetic data set with known truth, for a first try without data.

Looks like one of the ten tasks of the Medical Segmentation Decathlon: its channels, labels,
spacing and file slips, on a smaller grid.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from unet.data.phantom import CASES, make_phantom
from unet.data.phantom_tasks import TASKS
from unet.system.values import at_least


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the data set's folder, absent or empty",
    )
    parser.add_argument(
        "--task",
        default="Task01_BrainTumour",
        metavar="TASK",
        help=f"the task to look like: {', '.join(TASKS)} (default: Task01_BrainTumour)",
    )
    parser.add_argument(
        "--cases", type=at_least(1), default=CASES, metavar="N", help=f"cases (default: {CASES})"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="default: 0")


def run(args: argparse.Namespace) -> int:
    """Makes the data set and says how to train on it."""
    folder = make_phantom(args.output, args.task, args.cases, args.seed)
    print(f"{args.cases} cases in {folder}")
    print(f"next: python -m unet train --data_path {folder} --output run")
    return 0
