"""Where training stands: the value that a run moves forward and a checkpoint holds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, JsonValue


class Position(BaseModel):
    """Where training stands: with the seed, all that sampling and augmentation need."""

    # A later release's checkpoint may say more.
    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int  # epochs completed
    step: int  # steps completed within the epoch that follows
    global_step: int
    steps_per_epoch: int
    epochs: int
    ranks: int
    batch_size: int
    threads: int
    rate_factor: float = 1.0  # halved by every roll-back
    rollbacks: int = 0
    dice: float | None = None  # of the newest complete epoch, if it was validated
    best_dice: float | None = None
    best_epoch: int | None = None
    elapsed: float = 0.0  # seconds that the run has used, over all its lives
    loss: float | None = None  # mean of the newest complete epoch
    losses: float = 0.0  # sum over the steps of the epoch that has begun
    bad_steps: int = 0  # steps with NaN in a row, up to this one
    extended_at: int | None = None  # epochs of the run when it was done and went on all the same
    settings: dict[str, JsonValue] = {}  # what must not change between two lives of a run

    @property
    def steps_left(self) -> int:
        """Steps from here to the end of the last epoch."""
        return (self.epochs - self.epoch) * self.steps_per_epoch - self.step

    @property
    def whole_epochs(self) -> int:
        """Epochs completed, the one that has begun counted in: it is ended in any case."""
        return self.epoch + (self.step > 0)

    def with_epochs(self, epochs: int) -> Position:
        """The position in a run of so many epochs; one that was done is extended from here."""
        extends = 0 < self.epochs <= self.epoch < epochs
        update = {"epochs": epochs} | ({"extended_at": self.epoch} if extends else {})
        return self.model_copy(update=update)

    def after_step(self, loss: float | None) -> Position:
        """The position after one more step; its loss is None where it was not finite."""
        return self.model_copy(
            update={
                "step": self.step + 1,
                "global_step": self.global_step + 1,
                "losses": self.losses + (0.0 if loss is None else loss),
                "bad_steps": self.bad_steps + 1 if loss is None else 0,
            }
        )

    def would_be_best(self, dice: float | None, *, whole: bool = True) -> bool:
        """Whether no earlier epoch has a better Dice than this one, if it has one.

        Args:
            whole: whether it is of all cases; that of a few is best only where there is no other.
        """
        if dice is None or self.best_dice is None:
            return dice is not None
        return whole and dice >= self.best_dice

    def after_epoch(
        self, epochs: int, dice: float | None = None, *, best: bool = False
    ) -> Position:
        """The position between this epoch, which is ended, and the next.

        Args:
            epochs: how many there will be.
            dice: this epoch's, if it was validated.
            best: whether that is the best so far.
        """
        number = self.epoch + 1
        return self.model_copy(
            update={
                "epoch": number,
                "step": 0,
                "losses": 0.0,
                "epochs": epochs,
                "loss": self.losses / max(1, self.step),
                "dice": dice,
                "best_dice": dice if best else self.best_dice,
                "best_epoch": number if best else self.best_epoch,
            }
        )
