"""Back-off: how long attempts wait for each other, and what counts against the limit."""

from __future__ import annotations

from unet_operator.api.status import Status
from unet_operator.failure.failure import Failure

FIRST_DELAY, LONGEST_DELAY = 5.0, 300.0
"""Seconds before the next attempt, and at most; each that stalls doubles the wait."""


def stalled(status: Status) -> int:
    """Attempts in a row that brought no later checkpoint, the one that has just ended counted in.

    One that did is a beginning: preemptions of a month do not add up.
    """
    before = status.stalled_epoch
    went_on = before is not None and status.checkpoint_epoch > before
    return 1 if went_on else status.stalled_attempts + 1


def delay_after(attempts: int) -> float:
    """Seconds to wait after so many attempts in a row."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (min(attempts, 16) - 1)))


def counts(failure: Failure, status: Status) -> bool:
    """Whether the failure counts against runPolicy.backoffLimit.

    A lost node shows as one broken connection, a network that always breaks as many: a second
    one without a later checkpoint between counts.
    """
    if failure.reason != "PeerLost":
        return failure.counted
    before = status.peer_lost_epoch
    return before is not None and status.checkpoint_epoch <= before
