"""The state machine: (training, what is seen, now) → what to write, do, tell, and when again.

Pure and level-triggered: it never asks what changed, only what is.  Each step below returns
True when it has said all there is to say for now; the order of the steps is the order of a
training's life.  A terminal condition is looked at first and latches.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.ended import shard_failure
from unet_operator.failure.waiting import trouble
from unet_operator.lifecycle import evaluate as evaluating
from unet_operator.lifecycle.accept import refusal
from unet_operator.lifecycle.actions import (
    CreateOutputClaim,
    CreateStage,
    Decision,
    DeleteJob,
    DeleteTraining,
    SuspendJob,
)
from unet_operator.lifecycle.attempt import attempt_step, ended_for_good, stop_attempt
from unet_operator.lifecycle.draft import Draft, terminal
from unet_operator.lifecycle.retry import fail
from unet_operator.observe.objects import Job, Observed


def decide(training: UNetTraining, seen: Observed, now: datetime, *, has_image: bool) -> Decision:
    """Decides about one training.

    Args:
        training: the resource as last read or written.
        seen: its Jobs, pods, claims and log.
        now: the present time, UTC.
        has_image: whether spec or operator name a training image.
    """
    draft = Draft(training.status, training.meta.generation, now)
    if training.meta.deletion_timestamp is not None:
        return Decision(status=training.status)
    steps = (
        lambda: _after_the_end(draft, training, seen),
        lambda: _deadline(draft, training),
        lambda: _suspend(draft, training, seen),
        lambda: _accept(draft, training, seen, has_image=has_image),
        lambda: _stage(draft, training, seen),
        lambda: attempt_step(draft, training, seen),
        lambda: training.spec.run_policy.suspend or evaluating.step(draft, training, seen),
    )
    any(step() for step in steps)
    if terminal(draft.status) and not terminal(training.status):
        draft.wake(0)
    return draft.finish()


def _after_the_end(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Releases what still runs, waits for the time to live; reopens for a new evaluation."""
    if not terminal(draft.status):
        return False
    if evaluating.wanted_again(training):
        evaluating.reopen(draft, training)
        return False
    policy = training.spec.run_policy
    kept = policy.clean_pod_policy == "None" and draft.status.holds("Complete")
    if policy.clean_pod_policy == "All":
        for job in seen.jobs.values():
            if not job.deleting:
                draft.do(DeleteJob(job.name, job.uid))
    elif not kept and _stop_everything(draft, seen):
        draft.wake(LOOK_SECONDS)
    ttl, end = policy.ttl_seconds_after_finished, draft.status.completion_time
    if ttl is not None and end is not None:
        if draft.now >= end + timedelta(seconds=ttl):
            draft.do(DeleteTraining())
        else:
            draft.wake_at(end + timedelta(seconds=ttl))
    return True


def _deadline(draft: Draft, training: UNetTraining) -> bool:
    limit, start = training.spec.run_policy.active_deadline_seconds, draft.status.start_time
    if limit is None or start is None or draft.status.holds("Suspended"):
        return False
    end = start + timedelta(seconds=limit)
    if draft.now < end:
        draft.wake_at(end)
        return False
    fail(
        draft,
        "DeadlineExceeded",
        f"still {draft.status.phase} after runPolicy.activeDeadlineSeconds ({limit} s); raise "
        "it in a new UNetTraining",
    )
    return True


def _suspend(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Stops everything while asked to; on release lets a new attempt follow the old one."""
    if training.spec.run_policy.suspend:
        if _trained_meanwhile(draft, seen, training):
            return False
        if _stop_everything(draft, seen):
            draft.say("stopping: waiting for the checkpoint and the pods to end")
            draft.wake(LOOK_SECONDS)
        else:
            draft.condition(
                "Suspended", True, "Suspended", "runPolicy.suspend is true", event="Normal"
            )
            draft.say("suspended; set runPolicy.suspend to false to go on")
        draft.set(workers=None)
        return True
    if draft.status.holds("Suspended"):
        draft.condition("Suspended", False, "Resumed", "", event="Normal")
        draft.set(start_time=draft.now if draft.status.start_time else None)
        draft.say("resumed")
    if draft.status.attempt and not draft.status.holds("Trained"):
        if draft.status.next_attempt_time is None and _attempt_was_suspended(draft, seen):
            draft.set(next_attempt_time=draft.now)
            draft.condition("WorkersReady", False, "Suspended", "the attempt was suspended")
    else:
        round_ = training.spec.evaluation.round
        present = {
            names.stage(training.name),
            names.evaluate(training.name, round_),
            names.report(training.name, round_),
        }
        for job in seen.jobs.values():
            if job.suspended and job.name in present and not job.failed:
                draft.do(SuspendJob(job.name, job.uid, suspend=False))
    return False


def _trained_meanwhile(draft: Draft, seen: Observed, training: UNetTraining) -> bool:
    job = seen.jobs.get(names.launcher(training.name, draft.status.attempt))
    return job is not None and job.complete and not draft.status.holds("Trained")


def _attempt_was_suspended(draft: Draft, seen: Observed) -> bool:
    """Whether the attempt's launcher or, before there is one, its workers are suspended."""
    mine = [
        job
        for job in seen.jobs.values()
        if job.attempt == draft.status.attempt and job.role in ("launcher", "worker")
    ]
    launchers = [job for job in mine if job.role == "launcher"]
    return any(job.suspended and not job.complete for job in launchers or mine)


def _stop_everything(draft: Draft, seen: Observed) -> bool:
    """Suspends every Job that runs, launchers before workers.

    Returns:
        Whether something was still running.
    """
    running = False
    attempts = {job.attempt for job in seen.jobs.values() if job.role in ("launcher", "worker")}
    for attempt in attempts:
        running |= not ended_for_good(seen, attempt, draft.now)
        stop_attempt(draft, seen, attempt)
    for job in seen.jobs.values():
        if job.role in ("stage", "evaluate", "report") and not job.complete and not job.failed:
            if not job.suspended:
                draft.do(SuspendJob(job.name, job.uid))
            running |= not job.suspended or job.active > 0
    return running


def _accept(draft: Draft, training: UNetTraining, seen: Observed, *, has_image: bool) -> bool:
    """Before an attempt: is there an image, are the claims there and fit?"""
    if not _between_attempts(draft):
        if not draft.status.holds("Accepted"):
            draft.condition("Accepted", True, "Accepted", "the spec is in order")
        return False
    found = refusal(training, seen, has_image=has_image)
    if found is not None:
        draft.condition("Accepted", False, found.reason, found.message, event="Warning")
        draft.say(found.message)
        draft.wake(LOOK_SECONDS)
        return True
    if draft.condition("Accepted", True, "Accepted", "the spec and its claims are in order"):
        draft.say("the spec and its claims are in order")
    if draft.status.start_time is None:
        draft.set(start_time=draft.now)
    template = training.spec.output.volume_claim_template
    if template is not None and _missing_output(training, seen):
        draft.do(CreateOutputClaim())
    return False


def _between_attempts(draft: Draft) -> bool:
    if draft.status.holds("Trained"):
        return False
    return draft.status.attempt == 0 or draft.status.next_attempt_time is not None


def _missing_output(training: UNetTraining, seen: Observed) -> bool:
    claim = seen.claims.get(names.output_claim(training.name))
    return claim is None or not claim.exists


def _stage(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Fetches the data set when there is a source; else its presence is the ranks' to check."""
    if draft.status.holds("DataReady"):
        return False
    if training.spec.dataset.source is None:
        draft.condition("DataReady", True, "ClaimFound", "the data set's claim is there")
        return False
    job: Job | None = seen.jobs.get(names.stage(training.name))
    if job is None:
        draft.do(CreateStage())
        draft.condition("DataReady", False, "Staging", "fetching the data set", event="Normal")
        draft.say("fetching the data set")
        return True
    if job.complete:
        draft.condition("DataReady", True, "Staged", "the data set is in its claim", "Normal")
        return False
    if job.failed:
        cause = shard_failure(seen, "stage", 0, job.failed)
        draft.condition("DataReady", False, cause.reason, cause.message)
        fail(draft, "StagingFailed", cause.message)
        return True
    found = trouble(seen, seen.of("stage", 0), job, draft.now)
    if found is not None:
        draft.condition("DataReady", False, found.reason, found.message, event="Warning")
        draft.say(found.message)
    else:
        draft.condition("DataReady", False, "Staging", "fetching the data set")
        draft.say("fetching the data set")
    draft.wake(LOOK_SECONDS)
    return True
