"""The training loop.

prepare → resume → epochs of steps → validation → checkpoint → final model.  Everything that
must be equal on all ranks is either computed from equal inputs or decided by rank 0.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np

from unet.config import TrainConfig
from unet.data.atomic import write_text
from unet.data.feed import Batch, Feed
from unet.errors import DiskError, NumericError, Terminated
from unet.network.bundle import MODEL_FILE, About, save_bundle, strip_supervision
from unet.network.schedule import peak_rate, rate_at
from unet.planning.machine import usable_cores
from unet.run.checkpoint import Checkpoint, Position, Store
from unet.run.comm import Comm
from unet.run.fence import Fence
from unet.run.heap import keep_freed_memory
from unet.run.pace import USABLE, epochs_that_fit
from unet.run.prepare import Prepared, prepare
from unet.run.progress import Reporter, short_duration, write_summary
from unet.run.resume import carried_over, first_position, require_same_settings
from unet.run.step import Trainer
from unet.run.threads import use_threads
from unet.run.validate import Validator

BAD_STEPS = 3  # in a row, then the newest checkpoint is restored with half the rate
ROLLBACKS = 3  # then training ends with code 11


class Stop:
    """SIGTERM and SIGINT set a flag; all ranks agree on it at the next step."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)

    def _set(self, number: int, frame: object) -> None:
        self.asked = True


def train(config: TrainConfig, comm: Comm) -> Path:
    """Trains and returns the final model's file.

    Raises:
        UnetError: with the exit code that says what kind of failure it was.
    """
    began = time.monotonic()
    stop = Stop()
    keep_freed_memory()
    use_threads(config.threads or usable_cores())  # before the ranks first speak by TensorFlow
    run = config.output
    fence = Fence(run, config.attempt)
    if comm.rank == 0:
        _make_folder(run)
        fence.raise_to_own()
        _write(run / "config.json", config.model_dump_json(indent=1))
    comm.barrier()
    reporter = Reporter(comm.rank, run / "log.jsonl")
    try:
        return _Run(config, comm, reporter, fence, stop, began).train()
    finally:
        reporter.close()


class _Run:
    """One life of a training run."""

    def __init__(
        self, config: TrainConfig, comm: Comm, reporter: Reporter, fence: Fence, stop: Stop,
        began: float,
    ) -> None:  # fmt: skip
        self.config, self.comm, self.reporter, self.stop = config, comm, reporter, stop
        self.began = began
        self.prepared: Prepared = prepare(config, comm, reporter)
        plan = self.plan = self.prepared.plan
        self.trainer = Trainer(plan.shape, comm, config.seed)
        self.feed = Feed(
            self.prepared.cache, self.prepared.split.training, plan.target, plan.patch_size,
            plan.batch_size, config.seed, comm.rank, comm.size,
        )  # fmt: skip
        self.validator = Validator(self.prepared, comm)
        self.store = Store(config.output, fence)
        self.peak = plan.learning_rate  # as given: the course does not scale it
        if plan.network.kind != "course":
            self.peak = peak_rate(plan.learning_rate, plan.global_batch_size)
        self.position = first_position(plan, config)
        self.first_epoch = 0
        self.saved_at = time.monotonic()
        self.validation_seconds = self.plan.epoch_seconds / 2  # until one was timed
        self.best_weights: list[np.ndarray] | None = None
        self.bad_cases: set[str] = set()

    # -- the loop ---------------------------------------------------------------------------

    def train(self) -> Path:
        """Runs the epochs that are left and writes the final model."""
        if self.comm.rank == 0:
            self.store.clean()
            if self.config.resume == "never":
                self.store.clear()
        if not self._load_newest():
            self._save()  # what a roll-back in the first epoch returns to
        self.trainer.share_state()
        self.first_epoch = self.position.epoch
        while self.position.epoch < self.position.epochs:
            self._epoch()
        return self._finish()

    def _epoch(self) -> None:
        at, steps = self.position, self.position.steps_per_epoch
        number = at.epoch + 1
        began, first, losses, bad = time.monotonic(), at.step, at.losses, at.bad_steps
        traced = began
        waited = self.feed.waited
        for index, batch in enumerate(self.feed.batches(at.epoch, steps, first), start=first):
            done = (at.epoch * steps + index) / (at.epochs * steps)
            rate = rate_at(self.peak, done) * self.position.rate_factor
            result = self.trainer.step(batch.image, batch.target, rate, self.stop.asked)
            if index == first:
                traced = time.monotonic()
            if result.finite:
                bad, losses = 0, losses + result.loss
            else:
                bad += 1
                self.bad_cases |= _suspects(batch)
                self.reporter.event("nan", epoch=number, step=index + 1)
                if bad == BAD_STEPS:
                    self._roll_back()
                    return
            self.position = self.position.model_copy(update={
                "step": index + 1, "global_step": self.position.global_step + 1, "losses": losses,
                "bad_steps": bad,
            })  # fmt: skip
            rate_now = (index + 1 - first) / max(time.monotonic() - began, 1e-9)
            self.reporter.step(
                number, at.epochs, index + 1, steps, loss=f"{losses / (index + 1):.4f}",
                samples_per_s=f"{rate_now * self.plan.global_batch_size:.3g}",
                eta=self._eta(index + 1, rate_now),
            )  # fmt: skip
            if result.stopping:
                self._terminate()
            due = time.monotonic() - self.saved_at > 60 * self.config.checkpoint_minutes
            if due and not bad:  # a roll-back must not return into the midst of bad steps
                self._save()
        elapsed = time.monotonic() - began
        if number == 1 + self.first_epoch and steps - first > 1:  # less the time of tracing
            elapsed = (time.monotonic() - traced) * (steps - first) / (steps - first - 1)
        rate = (steps - first) / elapsed if steps > first else None
        self._end_epoch(elapsed, rate, losses / steps,
                        self.feed.waited - waited)  # fmt: skip

    def _end_epoch(self, elapsed: float, rate: float | None, loss: float, waited: float) -> None:
        at = self.position
        number = at.epoch + 1
        self.trainer.average_statistics()
        epochs = self._epochs_that_fit(number, elapsed)
        validates = number % self.plan.validate_every == 0 or number >= epochs
        dice = self._validate() if validates else None
        best = dice is not None and (at.best_dice is None or dice >= at.best_dice)
        self.position = at.model_copy(update={
            "epoch": number, "step": 0, "losses": 0.0, "epochs": epochs,
            "elapsed": at.elapsed + elapsed,
            "best_dice": dice if best else at.best_dice,
            "best_epoch": number if best else at.best_epoch,
        })  # fmt: skip
        if best:
            self.best_weights = self._weights()
        self._save(best=best)
        self.reporter.epoch(
            number, epochs, loss=_rounded(loss), val_dice=_rounded(dice),
            samples_per_s=_rounded(rate * self.plan.global_batch_size, 3) if rate else None,
            eta=self._eta(0, rate) if rate else None,
            feed_wait=_rounded(waited / max(elapsed, 1e-9), 3),
        )  # fmt: skip

    def _validate(self) -> float | None:
        began = time.monotonic()
        dice = self.validator.mean_dice(self.trainer)
        self.validation_seconds = time.monotonic() - began
        return dice

    def _epochs_that_fit(self, number: int, elapsed: float) -> int:
        """With a time budget, the number of epochs that still fit, as rank 0 sees it."""
        planned = self.position.epochs
        if self.config.time_budget is None or self.config.epochs is not None:
            return planned
        left = USABLE * self.config.time_budget - (time.monotonic() - self.began)
        fit = epochs_that_fit(number, left, elapsed, self.validation_seconds,
                              self.plan.validate_every)  # fmt: skip
        return int(self.comm.gather_objects(fit)[0])

    def _eta(self, step: int, steps_per_second: float) -> str:
        at = self.position
        left = (at.epochs - at.epoch) * at.steps_per_epoch - step
        return short_duration(left / max(steps_per_second, 1e-9))

    # -- checkpoints ------------------------------------------------------------------------

    def _save(self, *, best: bool = False) -> None:
        if self.comm.rank == 0:
            path = self.store.save(self.position, self.trainer.state())
            if best:
                self.store.mark_best(path)
            self.reporter.event(
                "checkpoint", epoch=self.position.epoch, step=self.position.global_step,
                path=path.relative_to(self.config.output),
            )  # fmt: skip
        self.saved_at = time.monotonic()

    def _load_newest(self) -> bool:
        """Takes the newest sound checkpoint, on rank 0; the others follow.  False without one."""
        position: str | None = None
        if self.comm.rank == 0:
            for path, checkpoint, fault in self.store.newest():
                if checkpoint is None:
                    self.store.set_aside(path)
                    self.reporter.event("warning", path=path, cause=fault,
                                        remedy="the checkpoint before it is used")  # fmt: skip
                    continue
                position = self._adopt(checkpoint).model_dump_json()
                self.reporter.event(
                    "resume", epoch=checkpoint.position.epoch,
                    step=checkpoint.position.global_step, **{"from": f"checkpoints/{path.name}"},
                )  # fmt: skip
                break
        agreed = self.comm.gather_objects(position)[0]
        if agreed is not None:
            self.position = Position.model_validate_json(str(agreed))
        return agreed is not None

    def _adopt(self, checkpoint: Checkpoint) -> Position:
        """Takes a checkpoint's state; its position is carried over to this world's steps."""
        found, own = checkpoint.position, first_position(self.plan, self.config)
        require_same_settings(str(checkpoint.path), found.settings, own.settings)
        self.trainer.restore(checkpoint.arrays, str(checkpoint.path))
        if found.best_epoch == found.epoch and found.step == 0 and found.epoch:
            self.store.mark_best(checkpoint.path)  # the writer may have been killed before it did
        return carried_over(found, own, keep_epochs=self.config.epochs is None)

    def _roll_back(self) -> None:
        """Restores the newest checkpoint and halves the rate; gives up after a few."""
        rollbacks, factor = self.position.rollbacks + 1, self.position.rate_factor / 2
        if rollbacks > ROLLBACKS:
            names = self.comm.gather_objects(sorted(self.bad_cases))
            cases = sorted({str(name) for rank in names for name in rank})
            raise NumericError(
                "training", f"NaN after {ROLLBACKS} roll-backs on cases {', '.join(cases[:20])}",
                "check these cases, or begin again with a lower --learning-rate and --resume never",
            )  # fmt: skip
        self._load_newest()
        self.trainer.share_state()
        self.best_weights = None  # they may be later than what is restored
        self.position = self.position.model_copy(
            update={"rollbacks": rollbacks, "rate_factor": factor, "bad_steps": 0}
        )
        self.reporter.event("rollback", number=rollbacks, rate_factor=factor)

    def _terminate(self) -> None:
        self._save()
        raise Terminated(
            "SIGTERM", f"stopped at epoch {self.position.epoch + 1} after a checkpoint",
            "continue with the same command (--resume auto)",
        )  # fmt: skip

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
                plan=self.plan, split=data.split, dataset_name=data.dataset.name,
                channel_names=data.fingerprint.channel_names,
                validation_dice=self.position.best_dice, epoch=self.position.best_epoch,
            )  # fmt: skip
            save_bundle(path, about, self.best_weights)
        self.comm.barrier()
        at = self.position
        self.reporter.event(
            "done", code=0, val_dice=_rounded(at.best_dice), epoch=at.best_epoch,
            model=path.relative_to(self.config.output),
        )  # fmt: skip
        if self.comm.rank == 0:
            write_summary({
                "kind": "train", "code": 0, "cause": "", "where": "", "remedy": "", "rank": None,
                "epoch": at.epoch, "epochs": at.epochs, "loss": None,
                "validationDice": at.best_dice, "model": "model",
            })  # fmt: skip
        return path


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")


def _suspects(batch: Batch) -> set[str]:
    """The cases of a batch that hold NaN or infinity; all of them where none does."""
    bad = {
        case for case, image in zip(batch.cases, batch.image, strict=True)
        if not np.isfinite(image).all()
    }  # fmt: skip
    return bad or set(batch.cases)


def _make_folder(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError.from_os(run, error) from error


def _write(file: Path, text: str) -> None:
    try:
        write_text(file, text + "\n")
    except OSError as error:
        raise DiskError.from_os(file, error) from error
