"""How many epochs still fit into a time budget."""

from __future__ import annotations

USABLE = 0.97  # of the budget; the rest writes the model
SAFETY = 1.03  # epochs to come may be a little slower than the last


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
    share = SAFETY * epoch_seconds + validation_seconds / validate_every
    return done + max(0, int((left - validation_seconds) / max(share, 1e-9)))
