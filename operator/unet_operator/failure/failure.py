"""A failure: why something ended, and what that means for a next attempt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """Why an attempt or a Job ended."""

    reason: str
    """One CamelCase word for programs; docs/operator.md explains each."""
    message: str
    """One line for people: what happened, where, what to do."""
    final: bool = False
    """No retry can mend it."""
    counted: bool = True
    """It counts against runPolicy.backoffLimit."""
    memory: bool = False
    """A smaller batch or patch may mend it."""
    announced: bool = False
    """The pod was told to end, so that its ranks may write a checkpoint first."""
