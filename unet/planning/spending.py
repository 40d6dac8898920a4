"""What of a time budget is left for training steps, and what those are good for.

Facts alone decide, never the clock: the same data and budget give the same plan on a machine
that is busy and on one that is not. What the clock says decides the number of epochs
(`unet.training.time_budget`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from unet.data.case_facts import CaseFacts
from unet.planning.fingerprint import Fingerprint
from unet.system.progress import short_duration

# Measured on one core of an EPYC with avx512_bf16, and rounded up.
START_SECONDS = 12.0  # TensorFlow, tracing step and validation, writing the model
SECONDS_PER_CASE = 0.02  # to check, measure and prepare it, however small
SECONDS_PER_VOXEL = 1e-7  # and so long for each voxel and channel
TRAINING_SHARE = 0.85  # of what is left; the rest validates and saves
SMALLEST_SHARE = 0.1  # of a budget that goes to steps, whatever the data take
# A network of random weights needs so many updates before its masks are worth a look, however
# easy the task: docs/training.md has the runs behind it.
STEPS_TO_LEARN = 300


def seconds_of_steps(budget: float, cases: Sequence[CaseFacts], ranks: int) -> float:
    """Seconds of a time budget that go to training steps.

    Args:
        budget: seconds of the whole run.
        cases: that are read and prepared first, shared by all ranks.
        ranks: that train together.
    """
    voxels = sum(math.prod(case.shape) * len(case.channels) for case in cases)
    reading = (SECONDS_PER_CASE * len(cases) + SECONDS_PER_VOXEL * voxels) / ranks
    return max(TRAINING_SHARE * (budget - START_SECONDS - reading), SMALLEST_SHARE * budget)


def wanted_steps(training_cases: int, patches_per_step: int) -> int:
    """Updates of the weights below which a model is not expected to be of use.

    Each case is to be seen once at least, and no task is learnt in fewer than `STEPS_TO_LEARN`.
    """
    return max(STEPS_TO_LEARN, math.ceil(training_cases / patches_per_step))


def what_is_bought(budget: float, steps: int, wanted: int) -> str:
    """Says how many steps a time budget buys, and whether they are expected to be enough.

    Args:
        budget: seconds.
        steps: that it buys.
        wanted: below which a model is not expected to be of use.
    """
    bought = f"{short_duration(budget)} buy about {steps} steps"
    return f"{bought}; about {wanted} are needed for a model of use" if steps < wanted else bought


def trivial_dice(fingerprint: Fingerprint, regions: Sequence[Sequence[int]]) -> float:
    """The mean Dice of whoever marks every voxel: 2p / (1 + p) where a region fills p of a case.

    Args:
        fingerprint: of the cases.
        regions: values of the labels of each region.
    """
    scores = []
    for case in fingerprint.cases:
        for values in regions:
            share = sum(case.label_voxels.get(v, 0) for v in values) / math.prod(case.cropped_shape)
            if share:
                scores.append(2 * min(share, 1.0) / (1 + min(share, 1.0)))
    return sum(scores) / len(scores) if scores else 0.0
