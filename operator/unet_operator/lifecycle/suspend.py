"""Suspension: everything stops while runPolicy.suspend is set; a new attempt follows it."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import SuspendJob
from unet_operator.lifecycle.attempt_view import view
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.stop import stop_everything
from unet_operator.observe.objects import Observed


def suspend(draft: Draft, seen: Observed) -> None:
    """Stops everything, and says Suspended once nothing runs."""
    if stop_everything(draft, seen):
        draft.say(message.SUSPENDING)
        draft.wake(LOOK_SECONDS)
    else:
        draft.condition("Suspended", True, "Suspended", "runPolicy.suspend is true", event="Normal")
        draft.say(message.SUSPENDED)
    draft.set(workers=None)


def resume(draft: Draft, training: UNetTraining, seen: Observed) -> None:
    """Lets a new attempt follow one that was suspended, or goes on with what has no attempts."""
    if draft.status.holds("Suspended"):
        draft.condition("Suspended", False, "Resumed", "", event="Normal")
        draft.set(start_time=draft.now if draft.status.start_time else None)
        draft.say(message.RESUMED)
    if not draft.status.attempt or draft.status.holds("Trained"):
        _release(draft, training, seen)
    elif draft.status.next_attempt_time is None and _attempt_was_suspended(draft, seen):
        draft.set(next_attempt_time=draft.now)
        draft.condition("WorkersReady", False, "Suspended", "the attempt was suspended")


def trained_meanwhile(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Whether the launcher was done before it could be stopped."""
    done = view(training, draft.status, seen).launched_well(draft.now)
    return done and not draft.status.holds("Trained")


def _release(draft: Draft, training: UNetTraining, seen: Observed) -> None:
    """Releases staging and the present evaluation, not the shards of an older round."""
    round_ = training.spec.evaluation.round
    present = {
        names.stage(training.name),
        names.evaluate(training.name, round_),
        names.report(training.name, round_),
    }
    for job in seen.jobs.values():
        if job.suspended and job.name in present and not job.failed:
            draft.do(SuspendJob(job.name, job.uid, suspend=False))


def _attempt_was_suspended(draft: Draft, seen: Observed) -> bool:
    """Whether the attempt's launcher or, before there is one, its workers are suspended."""
    jobs = [
        job
        for job in seen.jobs.values()
        if job.attempt == draft.status.attempt and job.role in ("launcher", "worker")
    ]
    launchers = [job for job in jobs if job.role == "launcher"]
    return any(job.suspended and not job.complete for job in launchers or jobs)
