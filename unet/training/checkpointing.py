"""When a run is saved, and how it is taken up again from its newest checkpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

from unet.parallel.agreement import from_rank_zero
from unet.parallel.comm import Comm
from unet.planning.plan import Plan
from unet.planning.settings import TrainSettings
from unet.system.errors import Terminated
from unet.system.progress import Reporter
from unet.training.checkpoint import Checkpoint, CheckpointStore
from unet.training.position import Position
from unet.training.resume import carried_over, first_position, require_same_settings
from unet.training.step import Trainer
from unet.training.timing import RunTime


class Checkpointing:
    """Saves and restores one run; rank 0 reads and writes, the other ranks follow."""

    def __init__(
        self,
        config: TrainSettings,
        plan: Plan,
        trainer: Trainer,
        store: CheckpointStore,
        comm: Comm,
        reporter: Reporter,
        run_time: RunTime,
    ) -> None:
        self.config, self.plan, self.trainer, self.store = config, plan, trainer, store
        self.comm, self.reporter, self.run_time = comm, reporter, run_time
        self._saved_at, self._saved_step = time.monotonic(), 0

    def clear_leftovers(self) -> None:
        """Removes what killed writers left, or where the run begins anew all checkpoints."""
        if self.comm.rank == 0:
            self.store.clean()
            if self.config.resume == "never":
                self.store.clear()

    def take_up(self) -> Position:
        """Goes on from the newest checkpoint, or saves the beginning; collective."""
        position = self._load_newest()
        if position is not None:
            self.run_time.add_earlier_lives(position)
        else:  # what a roll-back in the first epoch returns to
            position = self.save(first_position(self.plan, self.config))
        self.trainer.share_state()
        return position

    def due(self, position: Position, within: float = 0.0) -> bool:
        """Whether it is time to save what is unsaved, or will be `within` so many seconds."""
        waited = time.monotonic() - self._saved_at
        unsaved = position.global_step > self._saved_step
        return unsaved and waited + within > 60 * self.config.checkpoint_minutes

    def save(self, position: Position, *, best: bool = False) -> Position:
        """Saves the run.

        Args:
            best: whether no earlier checkpoint has a better Dice.

        Returns:
            the position with the time that the run has used.

        Raises:
            DiskError: the disk is full or not writable; the older checkpoints stay.
            PeerLostError: a newer attempt has the run.
        """
        position = position.model_copy(update={"elapsed": self.run_time.elapsed()})
        if self.comm.rank == 0:
            path = self.store.save(position, self.trainer.state())
            if best:
                self.store.mark_best(path)
            # After an epoch it is told with the epoch, which may be a second long.
            tell = self.reporter.event if position.step else self.reporter.hold
            tell(
                "checkpoint",
                epoch=position.epoch,
                step=position.global_step,
                path=path.relative_to(self.config.output),
            )
        self._saved_at, self._saved_step = time.monotonic(), position.global_step
        return position

    def save_and_terminate(self, position: Position) -> NoReturn:
        """Ends the run with a checkpoint, since a rank was told to stop; collective.

        Raises:
            Terminated: always.
        """
        self.save(position)
        raise Terminated(
            "SIGTERM",
            f"stopped at epoch {position.epoch + 1} after a checkpoint",
            "continue with the same command (--resume auto)",
        )

    def restore_newest(self) -> Position | None:
        """Gives every rank the newest sound checkpoint's state, if there is one; collective."""
        position = self._load_newest()
        self.trainer.share_state()
        return position

    def adopt(self, checkpoint: Checkpoint) -> Position:
        """Takes a checkpoint's state.

        Returns:
            its position, carried over to this life's ranks and steps.

        Raises:
            UsageError: it was written with other settings or for another network.
        """
        saved, beginning = checkpoint.position, first_position(self.plan, self.config)
        require_same_settings(str(checkpoint.path), saved.settings, beginning.settings)
        self.trainer.restore(checkpoint.arrays, str(checkpoint.path))
        if saved.best_epoch == saved.epoch and saved.step == 0 and saved.epoch:
            self.store.mark_best(checkpoint.path)  # the writer may have been killed before it did
        elif self.store.best() is None:  # it was lost with a damaged checkpoint
            saved = saved.model_copy(update={"best_dice": None, "best_epoch": None})
        return carried_over(saved, beginning, keep_epochs=self.config.epochs is None)

    def _load_newest(self) -> Position | None:
        """Takes the newest sound checkpoint on rank 0; its position on every rank."""
        return from_rank_zero(self.comm, Position, self._adopt_newest)

    def _adopt_newest(self) -> Position | None:
        checkpoint = self.store.newest_sound(self._warn_of_damage)
        if checkpoint is None:
            return None
        position = self.adopt(checkpoint)
        self.reporter.event(
            "resume",
            epoch=checkpoint.position.epoch,
            step=checkpoint.position.global_step,
            **{"from": checkpoint.path.relative_to(self.config.output)},
        )
        return position

    def _warn_of_damage(self, path: Path, fault: str) -> None:
        remedy = "the checkpoint before it is used"
        self.reporter.event("warning", path=path, cause=fault, remedy=remedy)
