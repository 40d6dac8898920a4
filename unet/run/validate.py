"""Whole-volume Dice of the validation cases, dealt out over ranks."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from unet.network.bundle import strip_supervision
from unet.network.model import build_network
from unet.result.metrics import dice
from unet.result.window import sliding_window
from unet.run.comm import Comm
from unet.run.prepare import Prepared
from unet.run.step import Trainer

OVERLAP = 0.25  # of windows; half of it is for the final evaluation


class Validator:
    """Scores the averaged weights on the prepared grid."""

    def __init__(self, prepared: Prepared, comm: Comm) -> None:
        self.prepared, self.comm = prepared, comm
        plan = prepared.plan
        self.model = build_network(plan.network, plan.precision, plan.patch_size)
        self._predict = tf.function(lambda windows: self.model(windows, training=False))

    def mean_dice(self, trainer: Trainer) -> float | None:
        """Mean Dice over regions and validation cases; collective.  None without cases."""
        self.model.set_weights(strip_supervision(trainer.model, trainer.averaged_weights()))
        cases = self.prepared.split.validation
        sums = np.zeros(2)
        for case in cases[self.comm.rank :: self.comm.size]:
            scores = [s for s in self.case_dice(case) if not math.isnan(s)]
            sums += (sum(scores), len(scores))
        total, count = self.comm.allreduce_sum(sums)
        return float(total / count) if count else None

    def case_dice(self, case: str) -> list[float]:
        """Dice per region of one case."""
        plan = self.prepared.plan
        entry = self.prepared.cache.open(case)
        logits = sliding_window(
            lambda windows: self._predict(tf.constant(windows)).numpy(),
            entry.image, plan.patch_size, OVERLAP,
        )  # fmt: skip
        # The largest logit is the largest probability; a sigmoid is above ½ where it is positive.
        found = plan.target.decode(logits if plan.target.exclusive else _sigmoid(logits))
        assert entry.label is not None, "validation cases have labels"
        truth = plan.target.region_masks(np.asarray(entry.label))
        return [dice(found[..., r], truth[..., r]) for r in range(truth.shape[-1])]


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
