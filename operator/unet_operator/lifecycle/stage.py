"""Staging: the data set is fetched when there is a source; else its presence is the ranks'
to check."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.failed_job import job_failure
from unet_operator.failure.pods_not_running import why_not_running
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import CreateStage
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.end import fail
from unet_operator.observe.objects import Job, Observed


def data_ready(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Whether the data set is in its claim; fetches it if need be."""
    if draft.status.holds("DataReady"):
        return True
    if training.spec.dataset.source is None:
        draft.condition("DataReady", True, "ClaimFound", "the data set's claim is there")
        return True
    job = seen.jobs.get(names.stage(training.name))
    if job is None:
        draft.do(CreateStage())
        draft.condition("DataReady", False, "Staging", message.STAGING, event="Normal")
        draft.say(message.STAGING)
        return False
    if job.complete:
        draft.condition("DataReady", True, "Staged", "the data set is in its claim", "Normal")
        return True
    if job.failed:
        failure = job_failure(seen, "stage", 0, job.failed)
        draft.condition("DataReady", False, failure.reason, failure.message)
        fail(draft, "StagingFailed", failure.message)
        return False
    _wait(draft, job, seen)
    return False


def _wait(draft: Draft, job: Job, seen: Observed) -> None:
    obstacle = why_not_running(seen, seen.of("stage", 0), job, draft.now)
    if obstacle is not None:
        draft.wait_for(obstacle, "DataReady")
    else:
        draft.condition("DataReady", False, "Staging", message.STAGING)
        draft.say(message.STAGING)
    draft.wake(LOOK_SECONDS)
