"""What follows a step whose loss or gradients are NaN or infinite.

The step itself has changed nothing, on no rank (`unet.training.step`).  Several in a row restore
the newest checkpoint with half the learning rate; several such roll-backs end the training.
"""

from __future__ import annotations

import numpy as np

from unet.parallel.agreement import gather_names
from unet.parallel.comm import Comm
from unet.system.errors import NumericError
from unet.system.progress import Reporter
from unet.training.checkpointing import Checkpointing
from unet.training.feed import Batch
from unet.training.position import Position

BAD_STEPS = 3  # in a row, then the newest checkpoint is restored with half the rate
ROLLBACKS = 3  # then training ends with code 11


class BadSteps:
    """Remembers the cases of this rank's bad steps, and rolls back."""

    def __init__(self, checkpoints: Checkpointing, comm: Comm, reporter: Reporter) -> None:
        self.checkpoints, self.comm, self.reporter = checkpoints, comm, reporter
        self._cases: set[str] = set()

    def record(self, position: Position, batch: Batch) -> None:
        """Takes note of a bad step, the one that follows a position."""
        self._cases |= _suspects(batch)
        self.reporter.event("nan", epoch=position.epoch + 1, step=position.step + 1)

    def too_many(self, position: Position) -> bool:
        """Whether so many bad steps in a row led to a position that it cannot go on."""
        return position.bad_steps == BAD_STEPS

    def roll_back(self, position: Position) -> Position:
        """Restores the newest checkpoint and halves the learning rate; collective.

        Returns:
            the position of the checkpoint.

        Raises:
            NumericError: it was done often enough; names the cases of all ranks.
        """
        rollbacks, factor = position.rollbacks + 1, position.rate_factor / 2
        if rollbacks > ROLLBACKS:
            cases = gather_names(self.comm, self._cases)
            raise NumericError(
                "training",
                f"NaN after {ROLLBACKS} roll-backs on cases {', '.join(cases[:20])}",
                "check these cases, or begin again with a lower --learning-rate and --resume never",
            )
        restored = self.checkpoints.restore_newest() or position
        self.reporter.event("rollback", number=rollbacks, rate_factor=factor)
        return restored.model_copy(
            update={"rollbacks": rollbacks, "rate_factor": factor, "bad_steps": 0}
        )


def _suspects(batch: Batch) -> set[str]:
    """The cases of a batch that hold NaN or infinity; all of them where none does."""
    bad = {
        case
        for case, image in zip(batch.cases, batch.image, strict=True)
        if not np.isfinite(image).all()
    }
    return bad or set(batch.cases)
