"""No room for all workers: after a while fewer will do, down to workers.minReplicas."""

from __future__ import annotations

from datetime import timedelta

from unet_operator.failure.failure import Failure
from unet_operator.failure.obstacle import Obstacle

WAIT_FOR_ROOM = timedelta(seconds=120)
"""How long workers may wait for a node before a smaller attempt is tried."""


def fitting_replicas(obstacle: Obstacle, *, wanted: int, least: int, placed: int) -> int | None:
    """Workers that will do; None when fewer workers would not help or are not allowed.

    Args:
        obstacle: what keeps the workers from running.
        wanted: workers of the present attempt.
        least: workers that must be there.
        placed: workers that have a node.
    """
    if obstacle.reason not in ("Unschedulable", "QuotaExceeded") or least >= wanted:
        return None
    # A gang binds none of its pods, so the number that fits is not known: go to the least.
    return max(least, placed)


def not_enough_room(wanted: int, fit: int) -> Failure:
    """Why the attempt ends that waited for room in vain."""
    words = f"no room for {wanted} workers, {fit} will do"
    return Failure("NotEnoughRoom", words, counted=False)
