"""Train a 3D U-Net on a Medical Segmentation Decathlon data set.

The two flags --data_path and --output are enough.  The data set is checked, measured and
prepared, a plan is made from it and from this machine, and training starts or goes on from
the newest checkpoint.  Under mpirun every rank runs this same command.
"""

from __future__ import annotations

import argparse
import os

from unet.cli.failure_summary import failure_summary
from unet.cli.flags import add_training_flags, config_from
from unet.parallel.comm import open_comm
from unet.parallel.rank import rank_of
from unet.planning.task import read_task
from unet.system.quiet_import import import_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    add_training_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Trains; returns 0."""
    config = config_from(args)
    with failure_summary("train", rank_of(os.environ)):
        read_task(config)
        import_tensorflow()
        comm = open_comm()
        from unet.training.loop import train

        train(config, comm)
    comm.shutdown()
    return 0
