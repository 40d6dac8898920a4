"""How long steps and validations take, and how much time a run has used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from unet.planning.plan import Plan
from unet.training.feed import Feed
from unet.training.position import Position

# Before a round was timed: it computes 1.4 to 2.4 times a case's voxels in overlapping windows,
# forwards only, which is a third of a step's work; and the first one traces the network.
SHARE_OF_STEP = 0.7
TRACING_SECONDS = 2.0


class RunTime:
    """The time of a run over all its lives.

    Args:
        began: `time.monotonic` when this life began.
        plan: whose estimates hold until something has been timed.
        validation_voxels: of the cases that this rank validates, on the training grid.

    Attributes:
        first_epoch: epochs that were complete when this life began.
        step_seconds: of one step in the newest epoch.
        validation_seconds: of the newest round over the validation cases.
        validating: seconds of all rounds of this life.
        start_seconds: that this life's first step takes beyond the others; 0 once it is taken.
    """

    def __init__(self, began: float, plan: Plan, validation_voxels: int) -> None:
        self._began = began
        self.first_epoch = 0
        self.step_seconds = plan.step_seconds
        forwards = SHARE_OF_STEP * validation_voxels / plan.voxels_per_second
        self.validation_seconds = forwards + TRACING_SECONDS if validation_voxels else 0.0
        self.validating = 0.0
        self.start_seconds = TRACING_SECONDS

    def add_earlier_lives(self, position: Position) -> None:
        """Counts the time that the run had used when it was saved."""
        self._began -= position.elapsed
        self.first_epoch = position.epoch

    def elapsed(self) -> float:
        """Seconds that the run has used."""
        return time.monotonic() - self._began

    @contextmanager
    def of_validation(self) -> Iterator[None]:
        """Times a round over the validation cases."""
        began = time.monotonic()
        yield
        self.validation_seconds = time.monotonic() - began
        self.validating += self.validation_seconds

    def epoch(self, position: Position, feed: Feed) -> EpochTimer:
        """Begins to time the steps that are left of an epoch."""
        return EpochTimer(self, position, feed)


class EpochTimer:
    """Times the steps of one epoch.

    A life's first step also traces the training step, so it is not timed.
    """

    def __init__(self, run: RunTime, position: Position, feed: Feed) -> None:
        self._run, self._feed, self._waited = run, feed, feed.waited
        self._first = self._done = position.step
        self._traces = position.epoch == run.first_epoch
        self._began = self._timed_from = time.monotonic()

    def step_done(self, done: int) -> None:
        """Takes note of a step; `done` counts the epoch's steps up to it."""
        self._done = done
        if self._traces and done == self._first + 1:
            self._timed_from = time.monotonic()
            self._run.start_seconds = 0.0

    def steps_per_second(self, done: int) -> float:
        """Over all steps that this life has taken of the epoch."""
        return (done - self._first) / max(time.monotonic() - self._began, 1e-9)

    def end(self) -> float:
        """Ends the epoch: from now on the run's step takes as long as this epoch's did.

        Returns:
            share of the time that the steps stood still for want of a batch.
        """
        now, timed = time.monotonic(), self._done - self._first - self._traces
        if timed > 0:
            self._run.step_seconds = (now - self._timed_from) / timed
        return (self._feed.waited - self._waited) / (now - self._began)
