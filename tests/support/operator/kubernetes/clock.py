"""The one clock of a simulated cluster; it stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FORM = "%Y-%m-%dT%H:%M:%SZ"
"""How Kubernetes writes a moment."""


def written(moment: datetime) -> str:
    """A moment as Kubernetes writes it, in whole seconds."""
    return moment.strftime(FORM)


def read(text: str) -> datetime:
    """The moment that `written` wrote."""
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)


class Clock:
    """Tells the time that the test set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The present time, UTC."""
        return self.now

    def stamp(self) -> str:
        """The present time as Kubernetes writes it."""
        return written(self.now)

    def advance(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        self.now += timedelta(seconds=seconds)
