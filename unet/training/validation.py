"""Whole-volume Dice of the validation cases, dealt out over ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.special import expit

from unet.evaluation.agreement_colours import blend
from unet.evaluation.metrics import dice
from unet.inference.sliding_window import sliding_window
from unet.network.model import build_network
from unet.network.saved_model import strip_supervision
from unet.parallel.comm import Comm
from unet.training.pipeline import Prepared
from unet.training.step import Trainer

OVERLAP = 0.25  # of windows; half of it is for the final evaluation


@dataclass(frozen=True)
class Validation:
    """What one round over the validation cases found.

    Attributes:
        dice: mean over regions and cases of all ranks; None without cases.
        picture: of this rank's first case, float32 ``[height, width, 3]`` from 0 to 1.
    """

    dice: float | None
    picture: np.ndarray | None


class Validator:
    """Scores the averaged weights on the prepared grid."""

    def __init__(self, prepared: Prepared, comm: Comm) -> None:
        self.prepared, self.comm = prepared, comm
        plan = prepared.plan
        self.model = build_network(plan.network, plan.precision, plan.patch_size)
        self._predict = tf.function(lambda windows: self.model(windows, training=False))

    def validate(self, trainer: Trainer, before_case: Callable[[], None]) -> Validation:
        """Scores every case once; collective.

        Args:
            before_case: called before each case, equally often on every rank, so that it may
                speak with the others; what it raises ends the round.
        """
        self.model.set_weights(strip_supervision(trainer.model, trainer.averaged_weights()))
        cases = self.prepared.split.validation
        sums, picture = np.zeros(2), None
        for first in range(0, len(cases), self.comm.size):
            before_case()
            for case in cases[first : first + self.comm.size][self.comm.rank :][:1]:
                found, truth = self._masks(case)
                scores = [dice(found[..., r], truth[..., r]) for r in range(truth.shape[-1])]
                counted = [score for score in scores if not math.isnan(score)]
                sums += (sum(counted), len(counted))
                if picture is None:
                    picture = self._picture(case, found, truth)
        total, count = self.comm.allreduce_sum(sums)
        return Validation(float(total / count) if count else None, picture)

    def _masks(self, case: str) -> tuple[np.ndarray, np.ndarray]:
        """Found and true masks of a case's regions, bool ``[D, H, W, R]`` each."""
        plan = self.prepared.plan
        entry = self.prepared.cache.open(case)
        logits = sliding_window(
            lambda windows: self._predict(tf.constant(windows)).numpy(),
            entry.image,
            plan.patch_size,
            OVERLAP,
        )
        # The largest logit is the largest probability; a sigmoid is above ½ where it is positive.
        found = plan.target.decode(logits if plan.target.exclusive else expit(logits))
        assert entry.label is not None, "validation cases have labels"
        return found, plan.target.region_masks(np.asarray(entry.label))

    def _picture(self, case: str, found: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The axial slice with most of the truth: the same one after every epoch."""
        label_map = self.prepared.plan.target.label_map
        predicted, actual = label_map(found), label_map(truth)
        index = int((actual > 0).sum(axis=(0, 1)).argmax())
        grey = np.asarray(self.prepared.cache.open(case).image[:, :, index, 0], np.float32)
        low, high = np.percentile(grey, (1, 99.5))
        grey = np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
        colours = blend(grey, predicted[:, :, index], actual[:, :, index])
        return colours.transpose(1, 0, 2)[::-1]  # anterior up
