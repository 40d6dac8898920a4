"""The end of a training: Failed or Complete, which only a user lifts (`retry`, `reevaluate`)."""

from __future__ import annotations

from unet_operator.lifecycle.draft import Draft


def fail(draft: Draft, reason: str, message: str) -> None:
    """Ends the training as Failed."""
    draft.condition("Failed", True, reason, message, event="Warning")
    draft.set(completion_time=draft.now, next_attempt_time=None, workers=None)
    draft.say(message)


def complete(draft: Draft, reason: str, message: str) -> None:
    """Ends the training as Succeeded."""
    draft.condition("Complete", True, reason, message, event="Normal")
    draft.set(completion_time=draft.now)
    draft.say(message)
