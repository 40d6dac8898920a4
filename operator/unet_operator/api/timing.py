"""The operator's one rhythm for what no watch reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TEN_YEARS = 10 * 365 * 24 * 3600
"""Seconds; the most that a duration of the spec may be."""


def moment_after(start: datetime, seconds: float) -> datetime:
    """A moment later; the end of time where that is beyond what a date can tell.

    The schema bounds durations, but older definitions did not, and what they took is stored.
    """
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


LOOK_SECONDS = 15.0
"""Seconds between two looks at what no watch reports (claims, warnings, the launcher's log),
and between two writes of progress alone.  It is the interval of the ranks' progress lines
(docs/contract.md): looking more often would find nothing new. `Settings.look_seconds`
shortens it where a test sees to what changes meanwhile."""
