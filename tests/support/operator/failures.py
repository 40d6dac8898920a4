"""What a failure means for the next attempt, in one word, for tables of failures."""

from __future__ import annotations

from unet_operator.failure.failure import Failure

FINAL, COUNTED, FREE, LESS = "final", "counted", "uncounted", "less memory"


def means_of(failure: Failure) -> str:
    """What a failure means for the next attempt."""
    if failure.final:
        return FINAL
    if failure.memory:
        return LESS
    return COUNTED if failure.counted else FREE
