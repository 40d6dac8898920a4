"""The training loop.

prepare → resume → epochs of steps → validation → checkpoint → final model.  Everything that
must be equal on all ranks is either computed from equal inputs or decided by rank 0.

What changes is a `Position`, which every function here takes and returns, and what the parts of a
`Run` own: weights, checkpoints, times.
"""

from __future__ import annotations

import time
from contextlib import closing

from unet.parallel.comm import Comm
from unet.planning.settings import TrainSettings
from unet.system.progress import Reporter, short_duration, significant
from unet.system.signals import Stop
from unet.training.feed import Batch
from unet.training.finish import Trained, finish
from unet.training.learning_rate import rate_of_step
from unet.training.pipeline import prepare
from unet.training.position import Position
from unet.training.run import Run, assemble, take_over_folder, use_machine
from unet.training.say_budget import say_budget
from unet.training.step import StepResult
from unet.training.timing import EpochTimer
from unet.training.validation import Validation


def train(config: TrainSettings, comm: Comm, began: float | None = None) -> Trained:
    """Trains and returns what came of it.

    Args:
        comm: the other ranks, all of which call this.
        began: `time.monotonic` from when on a time budget is used; by default this moment.

    Raises:
        UnetError: with the exit code that says what kind of failure it was.
    """
    began = time.monotonic() if began is None else began
    with closing(Stop()) as stop:
        config = use_machine(config)
        fence = take_over_folder(config, comm)
        with closing(Reporter.of_rank(comm.rank, config.output / "log.jsonl")) as reporter:
            reporter.event("config", **config.model_dump(mode="json", exclude_none=True))
            data = prepare(config, comm, reporter)
            run = assemble(config, comm, reporter, stop, fence, data, began)
            stop.defer()
            position = _begin(run)
            while position.epoch < position.epochs:
                position = _epoch(run, position)
            return finish(run.model, position, comm, reporter)


def _begin(run: Run) -> Position:
    """Takes the run up where its newest checkpoint stands, or begins it."""
    run.checkpoints.clear_leftovers()
    if run.config.resume == "never" and run.comm.rank == 0:
        run.tensorboard.clear()
        run.reporter.clear()
    position = run.budget.taken_up(run.checkpoints.take_up())
    say_budget(run.config, run.data, run.budget, position, run.reporter)
    return position


def _epoch(run: Run, position: Position) -> Position:
    """Takes the steps that are left of an epoch and ends it, or rolls back."""
    timer = run.time.epoch(position, run.feed)
    steps = position.steps_per_epoch
    for batch in run.feed.batches(position.epoch, steps, position.step):
        position, result = _step(run, position, batch)
        if run.bad_steps.too_many(position):
            run.model.forget_weights()
            return run.bad_steps.roll_back(position)
        timer.step_done(position.step)
        _report_step(run, position, timer)
        if result.stopping and run.comm.agree_any(run.stop.asked):
            run.checkpoints.save_and_terminate(position)
        if result.stopping:  # the time is used up
            break
        # A roll-back must not return into a row of bad steps.
        if run.checkpoints.due(position) and not position.bad_steps:
            position = run.checkpoints.save(position)
    return _end_epoch(run, position, feed_wait=timer.end())


def _step(run: Run, position: Position, batch: Batch) -> tuple[Position, StepResult]:
    """Takes one step and moves the position past it."""
    rate = rate_of_step(run.peak_rate, position)
    stop = run.stop.asked or run.budget.used_up()
    result = run.trainer.step(batch.image, batch.target, rate, stop)
    if not result.finite:
        run.bad_steps.record(position, batch)
    return position.after_step(result.loss if result.finite else None), result


def _end_epoch(run: Run, position: Position, feed_wait: float | None) -> Position:
    """Validates where it is time to, saves, and reports."""
    ending = run.budget.at_the_end_of(position, cut=position.step < position.steps_per_epoch)
    number, epochs = position.epoch + 1, ending.epochs
    last = number >= epochs
    validation = _validate(run, position, last) if ending.validates else Validation(None, None)
    best = position.would_be_best(validation.dice, whole=validation.whole)
    position = position.after_epoch(epochs, validation.dice, best=best)
    if best:
        run.model.keep_best()
    position = run.checkpoints.save(position, best=best)
    steps_per_second = 1 / run.time.step_seconds
    curves = {
        "loss": significant(position.loss),
        "val_dice": significant(validation.dice),
        "samples_per_s": significant(steps_per_second * run.data.plan.global_batch_size, 3),
    }
    eta = short_duration(run.budget.time_left(position, steps_per_second))
    feed_wait = significant(feed_wait, 3)
    run.reporter.epoch(number, epochs, best=best, **curves, eta=eta, feed_wait=feed_wait)
    if run.comm.rank == 0:
        run.tensorboard.add(number, curves, validation.picture)
    return position


def _validate(run: Run, position: Position, last: bool) -> Validation:
    """Scores the validation cases; first saves the run where a checkpoint would come due.

    The last round, after which the model is written, ends when the time is used up, though not
    before a case is scored.
    """
    if run.checkpoints.due(position, within=run.time.validation_seconds):
        run.checkpoints.save(position)
    began = time.monotonic()

    def goes_on(done: int, cases: int) -> bool:
        if run.comm.agree_any(run.stop.asked):
            run.checkpoints.save_and_terminate(position)
        if done:
            run.reporter.stage("validate", done, cases, began)
        time_is_up = last and run.comm.rank == 0 and run.budget.left <= 0
        return not (run.comm.agree_any(time_is_up) and done)

    with run.time.of_validation():
        return run.validator.validate(run.trainer, goes_on)


def _report_step(run: Run, position: Position, timer: EpochTimer) -> None:
    steps_per_second = timer.steps_per_second(position.step)
    run.reporter.step(
        position.epoch + 1,
        position.epochs,
        position.step,
        position.steps_per_epoch,
        loss=f"{position.losses / position.step:.4f}",
        samples_per_s=f"{steps_per_second * run.data.plan.global_batch_size:.3g}",
        eta=short_duration(run.budget.time_left(position, steps_per_second)),
    )
