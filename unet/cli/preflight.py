"""Read every byte of a data set and list what is damaged in quarantine.json.

Ends with exit code 10 if more cases are bad than --max-bad-cases allows.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from unet.data.channels import pick_channels
from unet.data.dataset import Dataset
from unet.data.msd import load_dataset
from unet.data.preflight import QUARANTINE_FILE, Preflight, run_preflight, save_quarantine
from unet.system.progress import Reporter
from unet.system.values import at_least


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "--data_path",
        "--data-path",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that holds dataset.json",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where quarantine.json goes (default: the current folder)",
    )
    parser.add_argument(
        "--max_bad_cases",
        "--max-bad-cases",
        type=at_least(0),
        default=0,
        metavar="N",
        help="succeed with up to N bad cases (default: 0)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Runs the check; raises `DataError` (exit code 10) for more bad cases than allowed."""
    dataset = load_dataset(args.data_path)
    every = tuple(range(len(dataset.channels)))
    reporter, began = Reporter.silent() if args.json else Reporter(), time.monotonic()
    try:
        preflight = run_preflight(
            dataset,
            channels=every,
            on_progress=lambda done, total: reporter.stage("preflight", done, total, began),
        )
    finally:
        reporter.close()
    save_quarantine(preflight, args.output)
    if args.json:
        print(preflight.model_dump_json(indent=1, exclude={"facts"}))
    else:
        print(_summary(dataset, preflight, args.output / QUARANTINE_FILE))
    preflight.require(args.max_bad_cases)
    return 0


def _summary(dataset: Dataset, preflight: Preflight, file: Path) -> str:
    sound = preflight.checked - len(preflight.quarantined)
    labels = ", ".join(f"{value} {name}" for value, name in dataset.labels.items())
    lines = [
        f"{dataset.name}: {sound} of {preflight.checked} cases are sound",
        f"channels: {', '.join(dataset.channels)} (default for training: "
        f"{', '.join(dataset.channels[i] for i in pick_channels(dataset, None))})",
        f"labels: {labels}",
    ]
    for entry in preflight.quarantined:
        lines.append(f"bad: {entry.case}: {entry.file}: {entry.reason}; {entry.remedy}")
    for found, count in Counter(notice.found for notice in preflight.notices).items():
        example = next(notice.case for notice in preflight.notices if notice.found == found)
        lines.append(f"note: {count} case{'s' if count > 1 else ''} (first {example}): {found}")
    return "\n".join([*lines, f"written: {file}"])
