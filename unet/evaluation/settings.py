"""What an evaluation is told: which model, which cases, where to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from unet.data.settings import DataSettings
from unet.inference.settings import ModelSettings
from unet.system.settings import Flag


class EvaluateSettings(ModelSettings, DataSettings):
    """What `evaluate` can be told."""

    data_path: Annotated[Path, Flag("DIR", underscores_first=True)] = Field(
        description="folder that holds dataset.json; may be another data set of the same task"
    )
    output: Annotated[Path, Flag("DIR")] = Field(description="where results go")
    cases: Annotated[str, Flag("WHICH")] = Field(
        "validation",
        description="{default} (default) or test: of the model's split; all; or ids with commas",
    )
    shard: Annotated[str, Flag("I/N")] = Field(
        "0/1", description="evaluate part I of N only, I from 0"
    )
    overlays: Annotated[bool, Flag(names=("--no-overlays", "--no_overlays"))] = Field(
        True, description="draw no pictures"
    )
