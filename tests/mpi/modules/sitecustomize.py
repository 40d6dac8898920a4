"""Makes `python -m unet train` the stand-in beside this file; all else stays real."""

import importlib.util
import sys
from pathlib import Path


class _StandIn:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "unet.cli.train":
            return None
        return importlib.util.spec_from_file_location(
            name, Path(__file__).with_name("stand_in_train.py")
        )


sys.meta_path.insert(0, _StandIn)
