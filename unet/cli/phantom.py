"""Make a small synthetic data set with known truth, for a first try without data.

Looks like one of the ten tasks of the Medical Segmentation Decathlon: its channels, labels,
spacing and file slips, on a smaller grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from unet.cli.command import Command
from unet.data.phantom import CASES, make_phantom
from unet.data.phantom_tasks import TASKS
from unet.system.settings import Flag, Settings
from unet.system.values import FromOne, FromZero


class PhantomSettings(Settings):
    """What `phantom` can be told."""

    output: Annotated[Path, Flag("DIR")] = Field(
        description="the data set's folder, absent or empty"
    )
    task: Annotated[str, Flag("TASK")] = Field(
        "Task01_BrainTumour",
        description=f"the task to look like: {', '.join(TASKS)} (default: {{default}})",
    )
    cases: Annotated[FromOne, Flag("N")] = Field(CASES, description="cases (default: {default})")
    seed: Annotated[FromZero, Flag("N")] = Field(0, description="default: {default}")


def run(settings: PhantomSettings, _as_json: bool) -> int:
    """Makes the data set and says how to train on it."""
    folder = make_phantom(settings.output, settings.task, settings.cases, settings.seed)
    print(f"{settings.cases} cases in {folder}")
    print(f"next: python -m unet train --data_path {folder} --output run")
    return 0


COMMAND = Command(PhantomSettings, run)
