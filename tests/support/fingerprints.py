"""Fingerprints without files, and plans for them."""

from pathlib import Path

import numpy as np

from unet.data.case_facts import CaseFacts, ChannelFacts
from unet.data.regions import Region, Target
from unet.planning.fingerprint import Fingerprint
from unet.planning.planner import make_plan
from unet.planning.settings import TrainSettings
from unet.system.machine import Machine

GIB = 2**30
TARGET = Target(regions=(Region(name="tumour", labels=(1,)),), exclusive=False)


def fingerprint_of(spacings, ct=False, foreground=()):
    """Cases of 10 x 10 x 10 voxels with these spacings.

    Args:
        spacings: mm of each case, None for unknown.
        ct: whether the channel is computed tomography.
        foreground: intensities of the labelled voxels of each case.
    """
    cases = tuple(
        CaseFacts(
            case=f"c{index}",
            shape=(10, 10, 10),
            cropped_shape=(8 + index, 8, 8),
            spacing=spacing,
            body_fraction=1.0,
            channels=(
                ChannelFacts(
                    percentiles=(0,) * 7,
                    foreground_mean=float(np.mean(foreground[index])) if foreground else 0.0,
                    foreground_sd=float(np.std(foreground[index])) if foreground else 0.0,
                    foreground_quantiles=tuple(
                        np.percentile(foreground[index], np.linspace(0, 100, 101))
                    )
                    if foreground
                    else (),
                ),
            ),
            label_voxels={1: 5},
        )
        for index, spacing in enumerate(spacings)
    )
    return Fingerprint(
        dataset="D",
        channels=(0,),
        channel_names=("CT" if ct else "MRI",),
        is_ct=(ct,),
        labels={1: "organ"},
        cases=cases,
    )


def same_cases(shape, spacing=(1.0, 1.0, 1.0), cases=20):
    """Cases of equal shape and spacing."""
    channel = ChannelFacts(percentiles=(0,) * 7)
    facts = tuple(
        CaseFacts(
            case=f"case{i}",
            shape=shape,
            cropped_shape=shape,
            spacing=spacing,
            body_fraction=1.0,
            channels=(channel,),
            label_voxels={1: 100},
        )
        for i in range(cases)
    )
    return Fingerprint(
        dataset="Test",
        channels=(0,),
        channel_names=("FLAIR",),
        is_ct=(False,),
        labels={1: "tumour"},
        cases=facts,
    )


def plan_for(fingerprint, memory=16 * GIB, cores=4, bfloat16=False, ranks=1, **settings):
    """The plan for all cases on a machine with this much memory and so many cores."""
    config = TrainSettings(data_path=Path("d"), output=Path("o"), **settings)
    machine = Machine(cores=cores, memory_bytes=memory, bfloat16=bfloat16)
    cases = [case.case for case in fingerprint.cases]
    return make_plan(fingerprint, TARGET, config, machine, cases, ranks)
