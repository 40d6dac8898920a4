"""Validation Dice: whole cases on the training grid, dealt out over ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import expit

from unet.data.preparation import target_shape
from unet.evaluation.agreement_colours import blend
from unet.evaluation.metrics import dice
from unet.inference.sliding_window import sliding_window
from unet.network.model import build_network, strip_supervision
from unet.parallel.comm import Comm
from unet.training.pipeline import TrainingData
from unet.training.step import Trainer

Picture = NDArray[np.float32]
OVERLAP = 0.25  # of windows; half of it is for the final evaluation


@dataclass(frozen=True)
class Validation:
    """What one round over the validation cases found.

    Attributes:
        dice: mean over cases of all ranks, and regions that any of them has; None without cases.
        picture: of this rank's first case, ``[height, width, 3]`` from 0 to 1; None without one.
        whole: whether every case was scored.
    """

    dice: float | None
    picture: Picture | None
    whole: bool = True


def expected_voxels(data: TrainingData, comm: Comm) -> int:
    """Voxels that this rank validates, on the training grid."""
    recipe, voxels = data.plan.recipe, 0
    facts = {case.case: case for case in data.fingerprint.cases}
    for case in data.split.validation[comm.rank :: comm.size]:
        if case in facts:
            shape = facts[case].cropped_shape
            voxels += math.prod(target_shape(shape, facts[case].spacing, recipe))
    return voxels


class Validator:
    """Scores the averaged weights on the prepared grid."""

    def __init__(self, data: TrainingData, comm: Comm) -> None:
        self.data, self.comm = data, comm
        plan = data.plan
        self.model = build_network(plan.network, plan.precision, plan.patch_size)
        self._predict = tf.function(lambda windows: self.model(windows, training=False))

    def validate(self, trainer: Trainer, goes_on: Callable[[int, int], bool]) -> Validation:
        """Scores every case once; collective.

        Args:
            goes_on: is called with the cases scored and all before each, equally often on every
                rank, so that it may speak with the others. The same answer on all: whether to
                go on. What it raises ends the round.
        """
        self.model.set_weights(strip_supervision(trainer.model, trainer.averaged_weights()))
        cases = self.data.split.validation
        regions = len(self.data.plan.target.regions)
        # Of each region: the sum of its Dice, its cases, and those that have it.
        sums, picture, whole = np.zeros((3, regions)), None, True
        for first in range(0, len(cases), self.comm.size):
            if not goes_on(first, len(cases)):
                whole = False
                break
            for case in cases[first : first + self.comm.size][self.comm.rank :][:1]:
                predicted, actual = self._masks(case)
                for r in range(regions):
                    score = dice(predicted[..., r], actual[..., r])
                    sums[:, r] += (score, 1, float(actual[..., r].any()))
                if picture is None:
                    picture = self._picture(case, predicted, actual)
        total, count, having = self.comm.allreduce_sum(sums)
        # A region that no case has says nothing of how well it is found.
        counts = having > 0 if having.any() else count > 0
        mean = float((total[counts] / count[counts]).mean()) if counts.any() else None
        return Validation(mean, picture, whole)

    def _masks(self, case: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Predicted and actual masks of a case's regions, ``[D, H, W, R]`` each."""
        plan = self.data.plan
        prepared = self.data.cache.open(case)
        logits = sliding_window(
            lambda windows: self._predict(tf.constant(windows)).numpy(),
            prepared.image,
            plan.patch_size,
            OVERLAP,
        )
        # The largest logit is the largest probability; a sigmoid is above ½ where it is positive.
        predicted = plan.target.decode(logits if plan.target.exclusive else expit(logits))
        assert prepared.label is not None, "validation cases have labels"
        return predicted, plan.target.region_masks(np.asarray(prepared.label))

    def _picture(
        self, case: str, predicted: NDArray[np.bool_], actual: NDArray[np.bool_]
    ) -> Picture:
        """The axial slice with most of the truth: the same one after every epoch."""
        label_map = self.data.plan.target.label_map
        predicted_labels, actual_labels = label_map(predicted), label_map(actual)
        index = int((actual_labels > 0).sum(axis=(0, 1)).argmax())
        grey = np.asarray(self.data.cache.open(case).image[:, :, index, 0], np.float32)
        low, high = np.percentile(grey, (1, 99.5))
        grey = np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
        colours = blend(grey, predicted_labels[:, :, index], actual_labels[:, :, index])
        return colours.transpose(1, 0, 2)[::-1]  # anterior up
