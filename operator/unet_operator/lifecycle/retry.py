"""Another try: a higher runPolicy.retry takes up a training that has failed.

It goes on in its own folder from its last checkpoint, and with a new attempt.  Jobs that have no
attempts of their own, of staging and evaluation, are deleted where they failed, so that new ones
can have their names.
"""

from __future__ import annotations

from unet_operator.api.resource import UNetTraining
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import DeleteJob
from unet_operator.lifecycle.draft import Draft
from unet_operator.observe.objects import Observed

_WITHOUT_ATTEMPTS = ("stage", "evaluate", "report")


def retry_wanted(training: UNetTraining) -> bool:
    """Whether a failed training is to be taken up again."""
    status = training.status
    return status.holds("Failed") and training.spec.run_policy.retry > (status.retry or 0)


def take_up_again(draft: Draft, training: UNetTraining, seen: Observed) -> None:
    """Lifts the end of a failed training; what counted against it counts anew."""
    number, status = training.spec.run_policy.retry, draft.status
    memory_was_short = status.reason("Failed") == "OutOfMemory"
    draft.condition("Failed", False, "Retried", f"retry {number} was asked for", event="Normal")
    draft.set(
        completion_time=None,
        start_time=draft.now if status.start_time else None,
        failures=0,
        stalled_attempts=0,
        stalled_epoch=None,
        peer_lost_epoch=None,
        reduced=None if memory_was_short else status.reduced,
        retry=number,
        replaced_jobs=[
            job.uid for job in seen.jobs.values() if job.failed and job.role in _WITHOUT_ATTEMPTS
        ],
    )
    draft.say(message.retried(number, draft.status))
    if status.attempt and not status.holds("Trained"):
        draft.set(next_attempt_time=draft.now)
        draft.condition("WorkersReady", False, "Retried", draft.status.message)
    draft.wake(0)


def replaced_jobs_gone(draft: Draft, seen: Observed) -> bool:
    """Whether the failed Jobs of before a retry are gone; deletes what is left of them."""
    left = [job for job in seen.jobs.values() if job.uid in draft.status.replaced_jobs]
    for job in left:
        if not job.deleting:
            draft.do(DeleteJob(job.name, job.uid))
    if left:
        draft.wake(5)
    return not left
