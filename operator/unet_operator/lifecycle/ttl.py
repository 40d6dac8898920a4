"""Time to live: an ended training is deleted runPolicy.ttlSecondsAfterFinished after its end."""

from __future__ import annotations

from unet_operator.api.spec.run_policy import RunPolicy
from unet_operator.api.timing import moment_after
from unet_operator.lifecycle.actions import DeleteTraining
from unet_operator.lifecycle.draft import Draft


def delete_after_time_to_live(draft: Draft, policy: RunPolicy) -> None:
    """Deletes the training whose time is over, or asks to look again when it will be."""
    ttl, end = policy.ttl_seconds_after_finished, draft.status.completion_time
    if ttl is None or end is None:
        return
    over = moment_after(end, ttl)
    if draft.now >= over:
        draft.do(DeleteTraining())
    else:
        draft.wake_at(over)
