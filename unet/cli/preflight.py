"""Read every byte of a data set and list what is damaged in quarantine.json.

Ends with exit code 10 if more cases are bad than --max-bad-cases allows.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from unet.cli.command import Command
from unet.data.settings import DataSettings
from unet.system.settings import Flag
from unet.system.values import FromZero

if TYPE_CHECKING:
    from unet.data.dataset import Dataset
    from unet.data.preflight import Preflight


class PreflightSettings(DataSettings):
    """What `preflight` can be told."""

    output: Annotated[Path, Flag("DIR")] = Field(
        Path(), description="where quarantine.json goes (default: the current folder)"
    )
    max_bad_cases: Annotated[FromZero, Flag("N", underscores_first=True)] = Field(
        0, description="succeed with up to N bad cases (default: {default})"
    )


def run(settings: PreflightSettings, as_json: bool) -> int:
    """Runs the check; raises `DataError` (exit code 10) for more bad cases than allowed."""
    from unet.cli.stage import stage_progress
    from unet.data.msd import load_dataset
    from unet.data.preflight import QUARANTINE_FILE, run_preflight, save_quarantine

    dataset = load_dataset(settings.data_path)
    every = tuple(range(len(dataset.channels)))
    with stage_progress("preflight", silent=as_json) as progress:
        preflight = run_preflight(dataset, channels=every, on_progress=progress)
    save_quarantine(preflight, settings.output)
    if as_json:
        print(preflight.model_dump_json(indent=1, exclude={"facts"}))
    else:
        print(summary(dataset, preflight))
        print(f"written: {settings.output / QUARANTINE_FILE}")
    preflight.require(settings.max_bad_cases)
    return 0


def summary(dataset: Dataset, preflight: Preflight) -> str:
    """What was found, in a few lines for people."""
    from unet.data.channels import pick_channels

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
    return "\n".join(lines)


COMMAND = Command(PreflightSettings, run, json="print the result as JSON")
