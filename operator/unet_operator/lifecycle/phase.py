"""The phase of a training: derived from its status, never set by hand."""

from __future__ import annotations

from unet_operator.api.status import Phase, Status


def phase(status: Status) -> Phase:
    """The phase that the conditions amount to."""
    if status.holds("Failed"):
        return "Failed"
    if status.holds("Complete"):
        return "Succeeded"
    if status.holds("Suspended"):
        return "Suspended"
    if not status.holds("Accepted"):
        return "Pending"
    if not status.holds("DataReady"):
        return "Staging"
    if status.holds("Trained"):
        return "Evaluating"
    if status.next_attempt_time is not None or status.failure_of_this_attempt is not None:
        return "Restarting"
    return "Training" if status.holds("WorkersReady") else "Starting"


def terminal(status: Status) -> bool:
    """Whether the training has ended for good."""
    return status.holds("Failed") or status.holds("Complete")
