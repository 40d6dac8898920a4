"""Back-off: how long attempts wait for each other, and what counts against the limit."""

from __future__ import annotations

from unet_operator.api.status import Status
from unet_operator.failure.failure import Failure

FIRST_DELAY, LONGEST_DELAY = 5.0, 300.0
"""Seconds before the second attempt, and at most; each attempt doubles the wait."""


def delay_after(attempt: int) -> float:
    """Seconds to wait after that attempt."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (min(attempt, 16) - 1)))


def counts(failure: Failure, status: Status) -> bool:
    """Whether the failure counts against runPolicy.backoffLimit.

    A lost node shows as one broken connection, a network that always breaks as many: a second
    one without a later checkpoint between counts.
    """
    if failure.reason != "PeerLost":
        return failure.counted
    before = status.peer_lost_epoch
    return before is not None and status.checkpoint_epoch <= before
