"""The training loop.

prepare → resume → epochs of steps → validation → checkpoint → final model.  Everything that
must be equal on all ranks is either computed from equal inputs or decided by rank 0.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from unet.network.saved_model import MODEL_FILE, About, save_bundle, strip_supervision
from unet.parallel.comm import Comm
from unet.parallel.fence import Fence
from unet.planning.settings import TrainConfig
from unet.system.errors import NumericError, Terminated
from unet.system.machine import usable_cores
from unet.system.malloc import keep_freed_memory
from unet.system.progress import Reporter, short_duration, write_summary
from unet.system.run_folder import make_folder, write_file
from unet.system.signals import Stop
from unet.system.threads import use_threads
from unet.training.checkpoint import Checkpoint, Position, Store
from unet.training.feed import Batch, Feed
from unet.training.learning_rate import peak_rate, rate_at
from unet.training.pipeline import Prepared, prepare, read_plan
from unet.training.resume import carried_over, first_position, require_same_settings
from unet.training.step import StepResult, Trainer
from unet.training.tensorboard import Board
from unet.training.time_budget import USABLE, epochs_that_fit
from unet.training.validation import Validation, Validator

BAD_STEPS = 3  # in a row, then the newest checkpoint is restored with half the rate
ROLLBACKS = 3  # then training ends with code 11


def train(config: TrainConfig, comm: Comm) -> Path:
    """Trains and returns the final model's file.

    Raises:
        UnetError: with the exit code that says what kind of failure it was.
    """
    began = time.monotonic()
    stop = Stop()
    keep_freed_memory()
    config = config.model_copy(update={"threads": config.threads or usable_cores()})
    use_threads(config.threads)  # before the ranks first speak by TensorFlow
    run = config.output
    fence = Fence(run, config.attempt)
    if comm.rank == 0:
        make_folder(run)
        fence.raise_to_own()
        if config.resume == "auto":
            _require_same_run(config, Store(run, fence))
        write_file(run / "config.json", config.model_dump_json(indent=1))
    comm.barrier()
    reporter = Reporter.of_rank(comm.rank, run / "log.jsonl")
    reporter.event("config", **config.model_dump(mode="json", exclude_none=True))
    try:
        return _Run(config, comm, reporter, fence, stop, began).train()
    finally:
        reporter.close()
        stop.close()


def _require_same_run(config: TrainConfig, store: Store) -> None:
    """Refuses, before a file of it is touched, to go on with a run of other settings.

    Raises:
        UsageError: names the first setting that differs.
    """
    read_plan(config.output, config)
    begun = store.newest_settings()
    if begun is not None:
        path, settings = begun
        require_same_settings(str(path), settings, config.identity())


class _Run:
    """One life of a training run."""

    def __init__(
        self,
        config: TrainConfig,
        comm: Comm,
        reporter: Reporter,
        fence: Fence,
        stop: Stop,
        began: float,
    ) -> None:
        self.config, self.comm, self.reporter, self.stop = config, comm, reporter, stop
        self.board = Board(config.output / "tensorboard")
        self.began = began  # of this life; moved back by what earlier ones have used
        self.prepared: Prepared = prepare(config, comm, reporter)
        plan = self.plan = self.prepared.plan
        self.trainer = Trainer(plan.shape, comm, config.seed)
        self.feed = Feed(
            self.prepared.cache,
            self.prepared.split.training,
            plan.target,
            plan.patch_size,
            plan.batch_size,
            config.seed,
            comm.rank,
            comm.size,
        )
        self.validator = Validator(self.prepared, comm)
        self.store = Store(config.output, fence)
        self.peak = plan.learning_rate  # as given: the course does not scale it
        if plan.network.kind != "course":
            self.peak = peak_rate(plan.learning_rate, plan.global_batch_size)
        self.position = first_position(plan, config)
        self.first_epoch = 0
        self.saved_at, self.saved_step = time.monotonic(), 0
        # Until they are timed:
        self.step_seconds, self.validation_seconds = plan.step_seconds, plan.epoch_seconds / 2
        self.best_weights: list[np.ndarray] | None = None
        self.bad_cases: set[str] = set()

    # -- the loop ---------------------------------------------------------------------------

    def train(self) -> Path:
        """Runs the epochs that are left and writes the final model."""
        self.stop.defer()
        if self.comm.rank == 0:
            self.store.clean()
            if self.config.resume == "never":
                self.store.clear()
                self.board.clear()
                self.reporter.clear()
        if self._load_newest():
            self.began -= self.position.elapsed
        else:
            self._save()  # what a roll-back in the first epoch returns to
        self.trainer.share_state()
        self.first_epoch = self.position.epoch
        if self.position.epoch >= self.position.epochs:
            self.reporter.event(
                "warning",
                path=self.config.output,
                cause=f"{self.position.epoch} of {self.position.epochs} epochs are trained already",
                remedy="more with --epochs, or anew with --resume never",
            )
        while self.position.epoch < self.position.epochs:
            self._epoch()
        return self._finish()

    def _epoch(self) -> None:
        """Takes the steps that are left of an epoch, and ends it."""
        number, steps = self.position.epoch + 1, self.position.steps_per_epoch
        first, waited = self.position.step, self.feed.waited
        began = traced = time.monotonic()
        for batch in self.feed.batches(self.position.epoch, steps, first):
            result = self._step(batch)
            if self.position.bad_steps == BAD_STEPS:
                self._roll_back()
                return
            done, losses = self.position.step, self.position.losses
            traced = time.monotonic() if done == first + 1 else traced
            rate = (done - first) / max(time.monotonic() - began, 1e-9)
            self.reporter.step(
                number,
                self.position.epochs,
                done,
                steps,
                loss=f"{losses / done:.4f}",
                samples_per_s=f"{rate * self.plan.global_batch_size:.3g}",
                eta=self._eta(rate),
            )
            if result.stopping:
                self._terminate()
            # A roll-back must not return into a row of bad steps.
            if self._due() and not self.position.bad_steps:
                self._save()
        fresh = number == 1 + self.first_epoch  # its first step also traced
        timed = steps - first - fresh
        if timed > 0:
            self.step_seconds = (time.monotonic() - (traced if fresh else began)) / timed
        self._end_epoch((self.feed.waited - waited) / (time.monotonic() - began))

    def _step(self, batch: Batch) -> StepResult:
        """Takes one step and moves the position past it."""
        at = self.position
        done = (at.epoch + at.step / at.steps_per_epoch) / at.epochs
        rate = rate_at(self.peak, done) * at.rate_factor
        result = self.trainer.step(batch.image, batch.target, rate, self.stop.asked)
        if not result.finite:
            self.bad_cases |= _suspects(batch)
            self.reporter.event("nan", epoch=at.epoch + 1, step=at.step + 1)
        self.position = at.model_copy(
            update={
                "step": at.step + 1,
                "global_step": at.global_step + 1,
                "losses": at.losses + (result.loss if result.finite else 0.0),
                "bad_steps": 0 if result.finite else at.bad_steps + 1,
            }
        )
        return result

    def _end_epoch(self, feed_wait: float) -> None:
        """Validates where it is time to, saves, and tells.

        Args:
            feed_wait: share of the time that the steps stood still for want of a batch.
        """
        at = self.position
        number, loss = at.epoch + 1, at.losses / at.steps_per_epoch
        epochs = self._epochs_that_fit(number)
        validates = number % self.plan.validate_every == 0 or number >= epochs
        found = self._validate() if validates else Validation(None, None)
        best = found.dice is not None and (at.best_dice is None or found.dice >= at.best_dice)
        self.position = at.model_copy(
            update={
                "epoch": number,
                "step": 0,
                "losses": 0.0,
                "epochs": epochs,
                "loss": loss,
                "best_dice": found.dice if best else at.best_dice,
                "best_epoch": number if best else at.best_epoch,
            }
        )
        if best:
            self.best_weights = self._weights()
        self._save(best=best)
        rate = 1 / self.step_seconds
        curves = {
            "loss": _rounded(loss),
            "val_dice": _rounded(found.dice),
            "samples_per_s": _rounded(rate * self.plan.global_batch_size, 3),
        }
        self.reporter.epoch(
            number, epochs, **curves, eta=self._eta(rate), feed_wait=_rounded(feed_wait, 3)
        )
        if self.comm.rank == 0:
            self.board.add(number, curves, found.picture)

    def _validate(self) -> Validation:
        unsaved = self.position.global_step > self.saved_step
        if unsaved and self._due(self.validation_seconds):
            self._save()
        began = time.monotonic()
        found = self.validator.validate(self.trainer, self._end_if_asked)
        self.validation_seconds = time.monotonic() - began
        return found

    def _epochs_that_fit(self, number: int) -> int:
        """With a time budget, the number of epochs that still fit, as rank 0 sees it."""
        planned = self.position.epochs
        if self.config.time_budget is None or self.config.epochs is not None:
            return planned
        left = USABLE * self.config.time_budget - (time.monotonic() - self.began)
        epoch_seconds = self.position.steps_per_epoch * self.step_seconds
        fit = epochs_that_fit(
            number, left, epoch_seconds, self.validation_seconds, self.plan.validate_every
        )
        return int(self.comm.gather_objects(fit)[0])

    def _eta(self, steps_per_second: float) -> str:
        at = self.position
        left = (at.epochs - at.epoch) * at.steps_per_epoch - at.step
        return short_duration(left / max(steps_per_second, 1e-9))

    # -- checkpoints ------------------------------------------------------------------------

    def _due(self, soon: float = 0.0) -> bool:
        """Whether the time for a checkpoint has come, or will within `soon` seconds."""
        waited = time.monotonic() - self.saved_at
        return waited + soon > 60 * self.config.checkpoint_minutes

    def _save(self, *, best: bool = False) -> None:
        elapsed = time.monotonic() - self.began
        self.position = self.position.model_copy(update={"elapsed": elapsed})
        if self.comm.rank == 0:
            path = self.store.save(self.position, self.trainer.state())
            if best:
                self.store.mark_best(path)
            self.reporter.event(
                "checkpoint",
                epoch=self.position.epoch,
                step=self.position.global_step,
                path=path.relative_to(self.config.output),
            )
        self.saved_at, self.saved_step = time.monotonic(), self.position.global_step

    def _load_newest(self) -> bool:
        """Takes the newest sound checkpoint, on rank 0; the others follow.  False without one."""
        position: str | None = None
        if self.comm.rank == 0:
            checkpoint = self.store.newest_sound(self._warn)
            if checkpoint is not None:
                position = self._adopt(checkpoint).model_dump_json()
                self.reporter.event(
                    "resume",
                    epoch=checkpoint.position.epoch,
                    step=checkpoint.position.global_step,
                    **{"from": checkpoint.path.relative_to(self.config.output)},
                )
        agreed = self.comm.gather_objects(position)[0]
        if agreed is not None:
            self.position = Position.model_validate_json(str(agreed))
        return agreed is not None

    def _warn(self, path: Path, fault: str) -> None:
        remedy = "the checkpoint before it is used"
        self.reporter.event("warning", path=path, cause=fault, remedy=remedy)

    def _adopt(self, checkpoint: Checkpoint) -> Position:
        """Takes a checkpoint's state; its position is carried over to this world's steps."""
        found, own = checkpoint.position, first_position(self.plan, self.config)
        require_same_settings(str(checkpoint.path), found.settings, own.settings)
        self.trainer.restore(checkpoint.arrays, str(checkpoint.path))
        if found.best_epoch == found.epoch and found.step == 0 and found.epoch:
            self.store.mark_best(checkpoint.path)  # the writer may have been killed before it did
        elif self.store.best() is None:  # it was lost with a damaged checkpoint
            found = found.model_copy(update={"best_dice": None, "best_epoch": None})
        return carried_over(found, own, keep_epochs=self.config.epochs is None)

    def _roll_back(self) -> None:
        """Restores the newest checkpoint and halves the rate; gives up after a few."""
        rollbacks, factor = self.position.rollbacks + 1, self.position.rate_factor / 2
        if rollbacks > ROLLBACKS:
            names = self.comm.gather_objects(sorted(self.bad_cases))
            cases = sorted({str(name) for rank in names for name in rank})
            raise NumericError(
                "training",
                f"NaN after {ROLLBACKS} roll-backs on cases {', '.join(cases[:20])}",
                "check these cases, or begin again with a lower --learning-rate and --resume never",
            )
        self._load_newest()
        self.trainer.share_state()
        self.best_weights = None  # they may be later than what is restored
        self.position = self.position.model_copy(
            update={"rollbacks": rollbacks, "rate_factor": factor, "bad_steps": 0}
        )
        self.reporter.event("rollback", number=rollbacks, rate_factor=factor)

    def _end_if_asked(self) -> None:
        """Ends with a checkpoint where any rank was told to stop; collective."""
        if self.comm.agree_any(self.stop.asked):
            self._terminate()

    def _terminate(self) -> None:
        self._save()
        raise Terminated(
            "SIGTERM",
            f"stopped at epoch {self.position.epoch + 1} after a checkpoint",
            "continue with the same command (--resume auto)",
        )

    # -- the end ----------------------------------------------------------------------------

    def _weights(self) -> list[np.ndarray]:
        return strip_supervision(self.trainer.model, self.trainer.averaged_weights())

    def _finish(self) -> Path:
        """Writes the best validated weights as the final model."""
        path = self.config.output / "model" / MODEL_FILE
        if self.comm.rank == 0:
            if self.best_weights is None:
                best = self.store.best()
                if best is not None:
                    self.trainer.restore(best.arrays, str(best.path))
                self.best_weights = self._weights()
            self.store.fence.check()
            data = self.prepared
            about = About(
                plan=self.plan,
                split=data.split,
                dataset_name=data.dataset.name,
                channel_names=data.fingerprint.channel_names,
                validation_dice=self.position.best_dice,
                epoch=self.position.best_epoch,
            )
            save_bundle(path, about, self.best_weights)
        self.comm.barrier()
        at = self.position
        self.reporter.event(
            "done",
            code=0,
            val_dice=_rounded(at.best_dice),
            epoch=at.best_epoch,
            model=path.relative_to(self.config.output),
        )
        if self.comm.rank == 0:
            write_summary(
                {
                    "kind": "train",
                    "code": 0,
                    "cause": "",
                    "where": "",
                    "remedy": "",
                    "rank": None,
                    "epoch": at.epoch,
                    "epochs": at.epochs,
                    "loss": _rounded(at.loss),
                    "validationDice": at.best_dice,
                    "model": "model",
                }
            )
        return path


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")


def _suspects(batch: Batch) -> set[str]:
    """The cases of a batch that hold NaN or infinity; all of them where none does."""
    bad = {
        case
        for case, image in zip(batch.cases, batch.image, strict=True)
        if not np.isfinite(image).all()
    }
    return bad or set(batch.cases)
