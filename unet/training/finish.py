"""The end of a training: its last or its best weights become the final model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unet.network.model import strip_supervision
from unet.network.saved_model import COURSE_FILE, OWN_FILE, About, save_model
from unet.parallel.comm import Comm
from unet.system.progress import Reporter, significant, write_summary
from unet.training.checkpoint import CheckpointStore
from unet.training.outcome import has_learned
from unet.training.pipeline import TrainingData
from unet.training.position import Position
from unet.training.step import Trainer


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        model: its file.
        validation_dice: of the model, on the training grid; None without validation cases.
        learned: whether that is clearly better than marking every voxel; None where nothing tells.
    """

    model: Path
    validation_dice: float | None
    learned: bool | None


@dataclass(frozen=True)
class Chosen:
    """The epoch whose weights are the model.

    Attributes:
        epoch: its number; None before the first.
        dice: its validation Dice on the training grid; None where it was not validated.
    """

    epoch: int | None
    dice: float | None


class FinalModel:
    """The weights that become the model, and where they are written in the end.

    Args:
        keep: `last`, the averaged weights after the last epoch, or `best`, those after the epoch
            with the best validation Dice.
    """

    def __init__(
        self,
        run: Path,
        data: TrainingData,
        trainer: Trainer,
        store: CheckpointStore,
        keep: Literal["last", "best"],
    ) -> None:
        self.run, self.data, self.trainer, self.store = run, data, trainer, store
        self.keep = keep
        self._best_weights: list[NDArray[np.float32]] | None = None

    @property
    def path(self) -> Path:
        """The model's file in the course's form."""
        return self.run / "model" / COURSE_FILE

    def chosen(self, position: Position) -> Chosen:
        """The epoch whose weights are the model, for a run that ends here."""
        if self.keep == "best" and position.best_epoch is not None:
            return Chosen(position.best_epoch, position.best_dice)
        return Chosen(position.epoch or None, position.dice)

    def keep_best(self) -> None:
        """Remembers the present weights, which are the best so far, where they may be wanted."""
        if self.keep == "best":
            self._best_weights = self._present_weights()

    def forget_weights(self) -> None:
        """Forgets them, since they may be later than what a roll-back restores."""
        self._best_weights = None

    def write(self, position: Position) -> None:
        """Writes the model in both forms.

        Raises:
            DiskError: the disk is full or not writable.
            PeerLostError: a newer attempt has the run.
        """
        chosen = self.chosen(position)
        weights = self._best() if chosen.epoch != position.epoch else self._present_weights()
        self.store.fence.check()
        about = About(
            plan=self.data.plan,
            split=self.data.split,
            dataset_name=self.data.dataset.name,
            channel_names=self.data.fingerprint.channel_names,
            validation_dice=chosen.dice,
            epoch=chosen.epoch,
            keep=self.keep,
        )
        save_model(self.path.with_name(OWN_FILE), about, weights)
        save_model(self.path, about, weights)  # last: it has always meant that a run is done

    def _best(self) -> list[NDArray[np.float32]]:
        """Those kept in this life, else those of the best checkpoint."""
        if self._best_weights is not None:
            return self._best_weights
        best = self.store.best()
        if best is not None:
            self.trainer.restore(best.arrays, str(best.path))
        return self._present_weights()

    def _present_weights(self) -> list[NDArray[np.float32]]:
        return strip_supervision(self.trainer.model, self.trainer.averaged_weights())


def finish(model: FinalModel, position: Position, comm: Comm, reporter: Reporter) -> Trained:
    """Writes the final model and says what it is worth; collective."""
    if comm.rank == 0:
        model.write(position)
    comm.barrier()
    data, chosen = model.data, model.chosen(position)
    dice = chosen.dice
    held_out = data.fingerprint.of(data.split.validation)
    learned = has_learned(dice, held_out, data.plan.target, position.global_step)
    if learned is False:
        reporter.event(
            "warning",
            path=model.path,
            cause=f"next to nothing was learned: validation Dice {significant(dice, 2)} "
            f"after {position.global_step} steps",
            remedy="give more --time-budget or --epochs, with which the run goes on, or see "
            "whether the labels fit the images",
        )
    reporter.event(
        "done",
        code=0,
        val_dice=significant(dice),
        epoch=chosen.epoch,
        best_val_dice=significant(position.best_dice),
        best_epoch=position.best_epoch,
        model=model.path.relative_to(model.run),
        learned=None if learned is None else "yes" if learned else "no",
    )
    if comm.rank == 0:
        write_summary(
            {
                "kind": "train",
                "code": 0,
                "cause": "",
                "where": "",
                "remedy": "",
                "rank": None,
                "epoch": position.epoch,
                "epochs": position.epochs,
                "loss": significant(position.loss),
                "validationDice": dice,
                "model": "model",
                "learned": learned,
            }
        )
    return Trained(model.path, dice, learned)
