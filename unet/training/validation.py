"""Whole-volume Dice of the validation cases, dealt out over ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import expit

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
        dice: mean over regions and cases of all ranks; None without cases.
        picture: of this rank's first case, ``[height, width, 3]`` from 0 to 1; None without one.
    """

    dice: float | None
    picture: Picture | None


class Validator:
    """Scores the averaged weights on the prepared grid."""

    def __init__(self, data: TrainingData, comm: Comm) -> None:
        self.data, self.comm = data, comm
        plan = data.plan
        self.model = build_network(plan.network, plan.precision, plan.patch_size)
        self._predict = tf.function(lambda windows: self.model(windows, training=False))

    def validate(self, trainer: Trainer, before_case: Callable[[], None]) -> Validation:
        """Scores every case once; collective.

        Args:
            before_case: called before each case, equally often on every rank, so that it may
                speak with the others; what it raises ends the round.
        """
        self.model.set_weights(strip_supervision(trainer.model, trainer.averaged_weights()))
        cases = self.data.split.validation
        sum_and_count, picture = np.zeros(2), None
        for first in range(0, len(cases), self.comm.size):
            before_case()
            for case in cases[first : first + self.comm.size][self.comm.rank :][:1]:
                predicted, actual = self._masks(case)
                scores = [dice(predicted[..., r], actual[..., r]) for r in range(actual.shape[-1])]
                counted = [score for score in scores if not math.isnan(score)]
                sum_and_count += (sum(counted), len(counted))
                if picture is None:
                    picture = self._picture(case, predicted, actual)
        total, count = self.comm.allreduce_sum(sum_and_count)
        return Validation(float(total / count) if count else None, picture)

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
