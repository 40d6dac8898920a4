"""What follows a failed attempt: another one, a smaller one, or the end."""

from __future__ import annotations

from dataclasses import dataclass

from unet_operator.api.spec import Spec
from unet_operator.api.status import Reduced, Status
from unet_operator.failure.backoff import counts, delay_after, stalled
from unet_operator.failure.failure import Failure
from unet_operator.failure.smaller_after_out_of_memory import reduced_sizes


@dataclass(frozen=True)
class Retry:
    """Another attempt follows."""

    delay: float
    """Seconds until it may start."""
    failures: int
    """Failed attempts so far that count."""
    peer_lost_epoch: int | None
    """The last checkpoint's epoch when ranks last lost each other."""
    reduced: Reduced | None
    """What it must not exceed."""
    stalled: int
    """Attempts in a row that brought no later checkpoint."""


@dataclass(frozen=True)
class NoRetry:
    """The training has failed."""

    reason: str
    """Reason of the condition Failed."""
    failures: int
    peer_lost_epoch: int | None
    reduced: Reduced | None


def what_follows(failure: Failure, status: Status, spec: Spec) -> Retry | NoRetry:
    """Judges the end of the present attempt.

    Args:
        failure: why it ended.
        status: the training's status before this failure is counted.
        spec: what the user asks for.
    """
    failures, reduced, peers_lost = status.failures, status.reduced, status.peer_lost_epoch
    if failure.final:
        return NoRetry(failure.reason, failures, peers_lost, reduced)
    if failure.memory:
        smaller = reduced_sizes(status, spec.training)
        if smaller is None:
            return NoRetry("OutOfMemory", failures, peers_lost, reduced)
        reduced = smaller
    if counts(failure, status):
        failures += 1
    if failure.reason == "PeerLost":
        peers_lost = status.checkpoint_epoch
    if failures > spec.run_policy.backoff_limit:
        return NoRetry("BackoffLimitExceeded", failures, peers_lost, reduced)
    attempts = stalled(status)
    return Retry(delay_after(attempts), failures, peers_lost, reduced, attempts)
