"""Measure what planning decides by: shapes, spacings, intensities and labels of a data set.

A damaged case ends it with exit code 10; `preflight` lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from unet.cli.command import Command
from unet.data.settings import DataSettings
from unet.system.settings import Flag
from unet.system.values import Names

if TYPE_CHECKING:
    from unet.planning.fingerprint import Fingerprint


class FingerprintSettings(DataSettings):
    """What `fingerprint` can be told."""

    channels: Annotated[Names, Flag("NAME[,NAME]")] = Field(
        None, description="modalities of dataset.json (default: FLAIR for brain tumours, else all)"
    )
    output: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="also write DIR/fingerprint.json"
    )


def run(settings: FingerprintSettings, as_json: bool) -> int:
    """Reads every case and prints the facts; a damaged case ends it with exit code 10."""
    from unet.cli.stage import stage_progress
    from unet.data.case_measurement import read_all_facts
    from unet.data.channels import pick_channels
    from unet.data.msd import load_dataset
    from unet.planning.fingerprint import make_fingerprint
    from unet.system.run_folder import make_folder, write_file

    dataset = load_dataset(settings.data_path)
    channels = pick_channels(dataset, settings.channels or None)
    ids = [case.id for case in dataset.cases]
    with stage_progress("fingerprint", silent=as_json) as progress:
        facts = read_all_facts(dataset, ids, channels, on_progress=progress)
    fingerprint = make_fingerprint(dataset, channels, facts)
    text = fingerprint.model_dump_json(indent=1)
    if settings.output is not None:
        make_folder(settings.output)
        write_file(settings.output / "fingerprint.json", text)
    print(text if as_json else summary(fingerprint))
    return 0


def summary(fingerprint: Fingerprint) -> str:
    """The fingerprint in a few lines for people."""
    import numpy as np

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
    import numpy as np

    from unet.planning.grid import target_spacing

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


COMMAND = Command(FingerprintSettings, run, json="print the result as JSON")
