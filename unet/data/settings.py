"""What every command that reads a data set is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from unet.system.settings import Flag, Settings


class DataSettings(Settings):
    """Which data set."""

    data_path: Annotated[Path, Flag("DIR", underscores_first=True)] = Field(
        description="folder that holds dataset.json"
    )
