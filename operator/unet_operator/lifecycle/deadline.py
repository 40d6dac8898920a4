"""The deadline: runPolicy.activeDeadlineSeconds from when work began or was resumed."""

from __future__ import annotations

from unet_operator.api.spec.run_policy import RunPolicy
from unet_operator.api.timing import moment_after
from unet_operator.lifecycle import message
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.end import fail


def deadline_exceeded(draft: Draft, policy: RunPolicy) -> bool:
    """Fails a training whose deadline is over; asks to look again when it will be.

    Returns:
        Whether it is over.
    """
    limit, start = policy.active_deadline_seconds, draft.status.start_time
    if limit is None or start is None or draft.status.holds("Suspended"):
        return False
    end = moment_after(start, limit)
    if draft.now < end:
        draft.wake_at(end)
        return False
    fail(draft, "DeadlineExceeded", message.deadline_exceeded(draft.status.phase, limit))
    return True
