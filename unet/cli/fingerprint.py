"""Measure what planning decides by: shapes, spacings, intensities and labels of a data set.

A damaged case ends it with exit code 10; `preflight` lists them all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from unet.data.case_measurement import read_all_facts
from unet.data.channels import pick_channels
from unet.data.msd import load_dataset
from unet.planning.fingerprint import Fingerprint, make_fingerprint
from unet.planning.grid import target_spacing
from unet.system.atomic_file import write_text
from unet.system.errors import DiskError
from unet.system.progress import Reporter


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
        "--channels",
        metavar="NAME[,NAME]",
        help="modalities of dataset.json (default: FLAIR for brain tumours, else all)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="also write DIR/fingerprint.json"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Reads every case and prints the facts; a damaged case ends it with exit code 10."""
    dataset = load_dataset(args.data_path)
    names = args.channels.split(",") if args.channels else None
    channels = pick_channels(dataset, names)
    ids = [case.id for case in dataset.cases]
    reporter, began = Reporter.silent() if args.json else Reporter(), time.monotonic()
    try:
        facts = read_all_facts(
            dataset,
            ids,
            channels,
            on_progress=lambda done, total: reporter.stage("fingerprint", done, total, began),
        )
    finally:
        reporter.close()
    fingerprint = make_fingerprint(dataset, channels, facts)
    if args.output is not None:
        file = args.output / "fingerprint.json"
        try:
            args.output.mkdir(parents=True, exist_ok=True)
            write_text(file, fingerprint.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise DiskError.from_os(file, error) from error
    print(fingerprint.model_dump_json(indent=1) if args.json else summary(fingerprint))
    return 0


def summary(fingerprint: Fingerprint) -> str:
    """The fingerprint in a few lines for people."""
    cases = fingerprint.cases
    shapes = np.array([case.shape for case in cases])
    kind = ["CT" if ct else "not CT" for ct in fingerprint.is_ct]
    channels = (f"{name} ({k})" for name, k in zip(fingerprint.channel_names, kind, strict=True))
    lines = [
        f"{fingerprint.dataset}: {len(cases)} cases",
        f"channels: {', '.join(channels)}",
        f"shape: {_by(shapes.min(0))} to {_by(shapes.max(0))} voxels (right, anterior, superior)",
        f"cropped to the body: {_by(fingerprint.median_cropped_shape)} voxels (median)",
        f"spacing: {_spacing(fingerprint)}",
    ]
    for value, name in fingerprint.labels.items():
        counts = np.array([case.label_voxels[value] for case in cases])
        absent = int((counts == 0).sum())
        note = f", absent in {absent} cases" if absent else ""
        lines.append(f"label {value} {name}: {int(np.median(counts))} voxels (median){note}")
    return "\n".join(lines)


def _spacing(fingerprint: Fingerprint) -> str:
    known = [case.spacing for case in fingerprint.cases if case.spacing is not None]
    unknown = len(fingerprint.cases) - len(known)
    if not known:
        return "unknown (all 1 without a unit): results in voxels, not mm"
    low, high = np.min(known, axis=0), np.max(known, axis=0)
    text = f"{_by(low.round(3))} to {_by(high.round(3))} mm"
    target = target_spacing(fingerprint)
    text += f"; suggested {_by(np.round(target, 3))} mm" if target else "; no resampling needed"
    return text + (f"; unknown in {unknown} cases" if unknown else "")


def _by(sizes: Iterable[float]) -> str:
    return " x ".join(f"{float(size):g}" for size in sizes)
