"""An obstacle: why something does not start yet.  Unlike a failure it may go away by itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Obstacle:
    """What a training or its pods wait for."""

    reason: str
    """One CamelCase word for programs; docs/operator.md explains each."""
    message: str
    """One line for people: the field or pod, what is wrong, what to do."""
