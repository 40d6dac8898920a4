"""The end of an attempt: a loss is written down, the other ranks may checkpoint, then what
follows is written."""

from __future__ import annotations

from datetime import timedelta

from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import LastFailure, Status
from unet_operator.failure.failed_launcher import finished_at, launcher_failure, names_itself
from unet_operator.failure.failure import Failure
from unet_operator.failure.lost_worker import failed_workers_job, lost_worker
from unet_operator.failure.what_follows import NoRetry, what_follows
from unet_operator.lifecycle import message
from unet_operator.lifecycle.attempt_view import AttemptView
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.end import fail
from unet_operator.observe.objects import Job

SETTLE = timedelta(seconds=6)
"""How long a launcher's unexplained end waits for news of the worker that caused it."""
LET_CHECKPOINT = timedelta(seconds=130)
"""How long ranks may take to checkpoint and end once a worker is told to go (its grace is 120)."""
LET_NOTICE = timedelta(seconds=30)
"""How long the launcher may take to notice a worker that is gone without a word."""


def judge_failed_launcher(
    draft: Draft, training: UNetTraining, attempt: AttemptView, launcher: Job
) -> None:
    """Ends an attempt whose launcher failed, for the cause that explains it best."""
    pod = attempt.launcher_pod
    failure = launcher_failure(pod, launcher.failed)
    if not names_itself(failure):
        lost = recorded(draft.status) or lost_worker(attempt.workers)
        end = finished_at(pod)
        if lost is None and end is not None and draft.now < end + SETTLE:
            draft.wake_at(end + SETTLE)
            return
        failure = lost or failure
    if failure.reason == "BadData":
        draft.condition("DataReady", False, failure.reason, failure.message)
    conclude(draft, training, failure)


def worker_lost(
    draft: Draft, training: UNetTraining, attempt: AttemptView, workers_job: Job
) -> bool:
    """Records a lost worker, lets the launcher end with a checkpoint, then ends the attempt.

    Returns:
        Whether a worker is lost.
    """
    failure = recorded(draft.status) or lost_worker(attempt.workers)
    if failure is None and workers_job.failed:
        failure = failed_workers_job(workers_job.failed)
    if failure is None:
        return False
    if recorded(draft.status) is None:
        _record(draft, failure)
        draft.condition("WorkersReady", False, failure.reason, failure.message)
        draft.say(message.worker_lost(failure))
    if attempt.launcher is None:
        conclude(draft, training, failure)
        return True
    patience = LET_CHECKPOINT if failure.announced else LET_NOTICE
    end = draft.since("WorkersReady") + patience
    if draft.now < end:
        draft.wake_at(end)
    else:
        conclude(draft, training, failure)
    return True


def conclude(draft: Draft, training: UNetTraining, failure: Failure) -> None:
    """Ends the present attempt for `failure`: sets Failed, or the time of the next attempt."""
    if recorded(draft.status) != failure:
        _record(draft, failure)
    follows = what_follows(failure, draft.status, training.spec)
    draft.set(
        failures=follows.failures,
        peer_lost_epoch=follows.peer_lost_epoch,
        reduced=follows.reduced,
    )
    status = draft.status
    if isinstance(follows, NoRetry):
        words = message.no_retry(follows.reason, failure, status, training.name)
        fail(draft, follows.reason, words)
        return
    draft.set(
        next_attempt_time=draft.now + timedelta(seconds=follows.delay),
        stalled_attempts=follows.stalled,
        stalled_epoch=status.checkpoint_epoch,
    )
    words = message.next_attempt(failure, draft.status)
    draft.condition("WorkersReady", False, failure.reason, failure.message)
    draft.say(words)
    draft.tell("Warning", "AttemptFailed", words)
    draft.wake(follows.delay)


def recorded(status: Status) -> Failure | None:
    """The failure of the present attempt that was written down before its pod vanished."""
    last = status.failure_of_this_attempt
    if last is None:
        return None
    return Failure(
        last.reason,
        last.message,
        counted=last.counted,
        memory=last.memory,
        announced=last.announced,
    )


def _record(draft: Draft, failure: Failure) -> None:
    draft.set(
        last_failure=LastFailure(
            attempt=draft.status.attempt,
            reason=failure.reason,
            message=failure.message[:1024],
            time=draft.now,
            counted=failure.counted,
            memory=failure.memory,
            announced=failure.announced,
        )
    )
