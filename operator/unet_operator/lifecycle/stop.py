"""Stopping: which Jobs are suspended in which order, and when nothing runs any more."""

from __future__ import annotations

from datetime import datetime

from unet_operator.lifecycle.actions import SuspendJob
from unet_operator.lifecycle.draft import Draft
from unet_operator.observe.objects import Job, Observed, Pod


def stop_everything(draft: Draft, seen: Observed) -> bool:
    """Suspends every Job that runs, launchers before workers.

    Returns:
        Whether something was still running.
    """
    running = False
    # Pods too: their Jobs may have been deleted while they still end.
    things: tuple[Job | Pod, ...] = (*seen.jobs.values(), *seen.pods)
    attempts = {thing.attempt for thing in things if thing.role in ("launcher", "worker")}
    for attempt in attempts:
        running |= not ended_for_good(seen, attempt, draft.now)
        stop_attempt(draft, seen, attempt)
    for job in seen.jobs.values():
        if job.role in ("stage", "evaluate", "report") and not job.complete and not job.failed:
            if not job.suspended:
                draft.do(SuspendJob(job.name, job.uid))
            running |= not job.suspended or job.active > 0
    return running


def stop_attempt(draft: Draft, seen: Observed, attempt: int) -> None:
    """Stops an attempt's launcher, then its workers, so that ranks can checkpoint."""
    live = any(not pod.gone(draft.now) for pod in seen.of("launcher", attempt))
    for job in seen.jobs.values():
        if job.attempt != attempt or job.suspended or job.complete or job.failed:
            continue
        if job.role == "launcher" or (job.role == "worker" and not live):
            draft.do(SuspendJob(job.name, job.uid))


def ended_for_good(seen: Observed, attempt: int, now: datetime) -> bool:
    """Whether no process of the attempt can still write, as far as can be known.

    A pod on a node that stopped answering never ends; the run folder's fence stops whatever
    still runs there, so it is not waited for.
    """
    pods = (*seen.of("launcher", attempt), *seen.of("worker", attempt))
    return all(pod.gone(now) for pod in pods) and all(
        job.suspended or job.complete or bool(job.failed) or job.deleting
        for job in seen.jobs.values()
        if job.attempt == attempt and job.role in ("launcher", "worker")
    )
