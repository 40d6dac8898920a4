"""Turns a time budget into epochs."""

from __future__ import annotations

from dataclasses import dataclass

from unet.parallel.comm import Comm
from unet.training.position import Position
from unet.training.timing import RunTime

USABLE = 0.97  # of the budget; the rest writes the model
WORTH = 0.1  # of the budget, from which on a run that was done is taken up again
SAFETY = 1.03  # epochs to come may be a little slower than the last


def epochs_that_fit(
    done: int, left: float, epoch_seconds: float, validation_seconds: float, validate_every: int
) -> int:
    """Total number of epochs, the finished ones included.

    Args:
        done: epochs finished.
        left: seconds that may still be used.
        epoch_seconds: of one epoch's steps, at the present speed.
        validation_seconds: of one validation; the last epoch is always followed by one.
        validate_every: epochs between validations.
    """
    share = SAFETY * epoch_seconds + validation_seconds / validate_every
    return done + max(0, int((left - validation_seconds) / max(share, 1e-9)))


@dataclass(frozen=True)
class TimeBudget:
    """The number of epochs that a run's time allows, as rank 0 sees it.

    Attributes:
        seconds: for the whole run; None where the number of epochs is given.
        validate_every: epochs between validations.
        time: what the run has used, and what its epochs take.
    """

    seconds: float | None
    validate_every: int
    time: RunTime
    comm: Comm

    def epochs_at_the_end_of(self, position: Position) -> int:
        """Total number of epochs, decided anew after the last step of each; collective."""
        return self._epochs(position, done=position.epoch + 1)

    def epochs_when_taken_up(self, position: Position) -> int:
        """Total number of epochs of a run that was done and is given more time; collective.

        What it has used counts. Its speed is that of the plan until a step has been timed, so
        that less than `WORTH` of the budget is left alone: the run may just have met its end.
        """
        if self.seconds is None:
            return position.epochs
        left = self.comm.gather_objects(self.seconds - self.time.elapsed())[0]
        assert isinstance(left, float), "rank 0 has measured"
        if left < WORTH * self.seconds:
            return position.epochs
        return max(position.epochs, self._epochs(position, done=position.epoch))

    def shorten(self, seconds: float) -> float:
        """An estimate of the time to come, no longer than what is left of the budget."""
        if self.seconds is None:
            return seconds
        return max(0.0, min(seconds, self.seconds - self.time.elapsed()))

    def _epochs(self, position: Position, done: int) -> int:
        if self.seconds is None:
            return position.epochs
        fit = epochs_that_fit(
            done=done,
            left=USABLE * self.seconds - self.time.elapsed(),
            epoch_seconds=position.steps_per_epoch * self.time.step_seconds,
            validation_seconds=self.time.validation_seconds,
            validate_every=self.validate_every,
        )
        decided = self.comm.gather_objects(fit)[0]
        assert isinstance(decided, int), "rank 0 has counted"
        return decided
