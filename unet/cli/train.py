"""Train a 3D U-Net on a Medical Segmentation Decathlon data set.

The two flags --data_path and --output are enough.  The data set is checked, measured and
prepared, a plan is made from it and from this machine, and training starts or goes on from
the newest checkpoint.  Under mpirun every rank runs this same command.
"""

from __future__ import annotations

import os

from unet import api
from unet.cli.command import Command
from unet.planning.settings import TrainSettings


def run(settings: TrainSettings, _as_json: bool) -> int:
    """Trains; returns 0."""
    from unet.cli.failure_summary import failure_summary
    from unet.parallel.rank import rank_of

    with failure_summary("train", rank_of(os.environ)):
        api.train(settings)
    return 0


COMMAND = Command(TrainSettings, run)
