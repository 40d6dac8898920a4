"""Turns a time budget into epochs, and ends the run when it is used up.

The budget is of the whole run: reading, planning, preparing, steps, validations, and writing the
model. Rank 0's clock decides for all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from unet.parallel.comm import Comm
from unet.training.position import Position
from unet.training.timing import RunTime

WRITING_SHARE, WRITING_SECONDS = 0.03, 3.0  # of the budget, and at least: for the model's files
WORTH = 0.1  # of the budget, from which on a run that was done is taken up again
SAFETY = 1.03  # epochs to come may be a little slower than the last
MARGIN = 1.25  # of an advice: nothing has been timed yet
VALIDATION_SHARE = 0.2  # of the time used so far that validations before the last may take
LAST_VALIDATION_SHARE = 0.25  # of the budget that is kept for the last, however many its cases


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
    validations = min(
        validation_seconds / validate_every,
        epoch_seconds * VALIDATION_SHARE / (1 - VALIDATION_SHARE),
    )
    share = SAFETY * epoch_seconds + validations
    return done + max(0, int((left - validation_seconds) / max(share, 1e-9)))


def _writing(budget: float) -> float:
    """Seconds of a budget that are kept for the model's files."""
    return max(WRITING_SHARE * budget, WRITING_SECONDS)


@dataclass(frozen=True)
class Ending:
    """What is decided at the end of an epoch.

    Attributes:
        epochs: that the run will have.
        validates: whether the cases are scored now.
    """

    epochs: int
    validates: bool


@dataclass(frozen=True)
class TimeBudget:
    """What a run's time allows, as rank 0 sees it.

    Attributes:
        seconds: for the whole run; None where the number of epochs alone decides.
        validate_every: epochs between validations.
        time: what the run has used, and what its epochs take.
        most_epochs: that were asked for, however many fit; None for no such limit.
    """

    seconds: float | None
    validate_every: int
    time: RunTime
    comm: Comm
    most_epochs: int | None = None

    @property
    def left(self) -> float:
        """Seconds until the model must be written; infinite without a budget."""
        if self.seconds is None:
            return math.inf
        return self.seconds - _writing(self.seconds) - self.time.elapsed()

    @property
    def last_validation(self) -> float:
        """Seconds that are kept for the last validation."""
        expected = self.time.validation_seconds
        return min(expected, LAST_VALIDATION_SHARE * (self.seconds or math.inf))

    def used_up(self) -> bool:
        """Whether, by rank 0's clock, no further step should be taken; False on other ranks."""
        return self.comm.rank == 0 and self.left <= self.last_validation

    def that_buys(self, steps: int) -> float:
        """Seconds of a budget that would leave room for so many steps from here, in tens."""
        time = self.time
        training = SAFETY * steps * time.step_seconds / (1 - VALIDATION_SHARE)
        ahead = time.start_seconds + training + time.validation_seconds
        whole = time.elapsed() + MARGIN * (ahead + _writing(time.elapsed() + ahead))
        return 10.0 * math.ceil(whole / 10)

    def taken_up(self, position: Position) -> Position:
        """The position with as many epochs as fit from here, one at least; collective.

        So a run that was done within one budget goes on with a larger one. Less than `WORTH` of
        it is left alone: the run may just have met its end.
        """
        if self.seconds is None:
            return position
        epochs = max(self._epochs_from(position, position.epoch), 1, position.whole_epochs)
        if position.epoch >= position.epochs and self.left < WORTH * self.seconds:
            epochs = position.epochs
        return position.with_epochs(self._of_rank_zero(epochs))

    def at_the_end_of(self, position: Position, *, cut: bool) -> Ending:
        """Decides after the last step of each epoch; collective.

        Args:
            cut: whether the epoch was ended since the time is used up.
        """
        number = position.epoch + 1
        epochs = position.epochs
        if self.seconds is not None:
            fit = number if cut else self._epochs_from(position, number)
            epochs = self._of_rank_zero(fit)
        due = number % self.validate_every == 0 and self._of_rank_zero(self._pays_validation())
        return Ending(epochs, bool(due) or number >= epochs)

    def time_left(self, position: Position, steps_per_second: float) -> float:
        """Seconds that the steps to come will take, and never more than the budget has left."""
        steps = position.steps_left / max(steps_per_second, 1e-9)
        return min(steps, max(0.0, (self.seconds or math.inf) - self.time.elapsed()))

    def _epochs_from(self, position: Position, done: int) -> int:
        fit = epochs_that_fit(
            done=done,
            left=self.left - self.time.start_seconds,
            epoch_seconds=position.steps_per_epoch * self.time.step_seconds,
            validation_seconds=self.last_validation,
            validate_every=self.validate_every,
        )
        return fit if self.most_epochs is None else min(fit, max(self.most_epochs, done))

    def _pays_validation(self) -> int:
        """Whether validations keep their share of the time; always 1 without a budget."""
        spent = self.time.validating + self.time.validation_seconds
        return int(self.seconds is None or spent <= VALIDATION_SHARE * self.time.elapsed())

    def _of_rank_zero(self, number: int) -> int:
        decided = self.comm.gather_objects(number)[0]
        assert isinstance(decided, int), "rank 0 has counted"
        return decided
