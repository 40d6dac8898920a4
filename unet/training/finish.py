"""The end of a training: the best validated weights become the final model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def finish(model: FinalModel, position: Position, comm: Comm, reporter: Reporter) -> Trained:
    """Writes the final model and says what it is worth; collective."""
    if comm.rank == 0:
        model.write(position)
    comm.barrier()
    data, dice = model.data, position.best_dice
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
                "validationDice": dice,
                "model": "model",
                "learned": learned,
            }
        )
    return Trained(model.path, dice, learned)
