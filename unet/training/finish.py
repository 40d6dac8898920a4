"""The end of a training: the best validated weights become the final model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet.network.model import strip_supervision
from unet.network.saved_model import COURSE_FILE, OWN_FILE, About, save_model
from unet.parallel.comm import Comm
from unet.system.progress import Reporter, significant, write_summary
from unet.training.checkpoint import CheckpointStore
from unet.training.pipeline import TrainingData
from unet.training.position import Position
from unet.training.step import Trainer


class FinalModel:
    """The best weights of this life, and where they are written in the end."""

    def __init__(
        self, run: Path, data: TrainingData, trainer: Trainer, store: CheckpointStore
    ) -> None:
        self.run, self.data, self.trainer, self.store = run, data, trainer, store
        self._best_weights: list[NDArray[np.float32]] | None = None

    @property
    def path(self) -> Path:
        """The model's file in the course's form."""
        return self.run / "model" / COURSE_FILE

    def keep_weights(self) -> None:
        """Remembers the present weights as the best."""
        self._best_weights = self._present_weights()

    def forget_weights(self) -> None:
        """Forgets them, since they may be later than what a roll-back restores."""
        self._best_weights = None

    def write(self, position: Position) -> None:
        """Writes the model in both forms.

        Its weights are those kept, else those of the best checkpoint, else the present ones.

        Raises:
            DiskError: the disk is full or not writable.
            PeerLostError: a newer attempt has the run.
        """
        weights = self._best_weights
        if weights is None:
            best = self.store.best()
            if best is not None:
                self.trainer.restore(best.arrays, str(best.path))
            weights = self._present_weights()
        self.store.fence.check()
        about = About(
            plan=self.data.plan,
            split=self.data.split,
            dataset_name=self.data.dataset.name,
            channel_names=self.data.fingerprint.channel_names,
            validation_dice=position.best_dice,
            epoch=position.best_epoch,
        )
        save_model(self.path.with_name(OWN_FILE), about, weights)
        save_model(self.path, about, weights)  # last: it has always meant that a run is done

    def _present_weights(self) -> list[NDArray[np.float32]]:
        return strip_supervision(self.trainer.model, self.trainer.averaged_weights())


LEARNED = 0.1
"""Validation Dice below which a model is called useless; guessing gets about as far."""


def has_learned(position: Position) -> bool | None:
    """Whether the best validated weights are worth anything; None where nothing was scored."""
    return None if position.best_dice is None else position.best_dice >= LEARNED


def finish(model: FinalModel, position: Position, comm: Comm, reporter: Reporter) -> Path:
    """Writes the final model and says so; collective.

    Returns:
        the model's file.
    """
    if comm.rank == 0:
        model.write(position)
    comm.barrier()
    learned = has_learned(position)
    if learned is False:
        steps, dice = position.global_step, significant(position.best_dice)
        reporter.event(
            "warning",
            cause=f"next to nothing was learned: validation Dice {dice} after {steps} steps",
            remedy="give more time or epochs, or see whether the labels fit the images",
        )
    reporter.event(
        "done",
        code=0,
        val_dice=significant(position.best_dice),
        epoch=position.best_epoch,
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
                "validationDice": position.best_dice,
                "model": "model",
                "learned": learned,
            }
        )
    return model.path
