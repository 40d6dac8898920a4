"""One attempt: its workers, then its launcher, until training is done or something is lost.

The order is fixed by what may not overlap: the attempt's number is written before its
children exist, the launcher starts when every worker has a node, the next attempt starts
when the pods of the last have ended.
"""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import Logs
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.failed_launcher import deleted_launchers_job, launcher_failure
from unet_operator.failure.lost_worker import deleted_workers_job
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import CreateWorkers
from unet_operator.lifecycle.attempt_end import (
    conclude,
    judge_failed_launcher,
    recorded,
    worker_lost,
)
from unet_operator.lifecycle.attempt_view import AttemptView, view
from unet_operator.lifecycle.clean_pods import release_workers
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.progress import take_last_words, take_progress
from unet_operator.lifecycle.start import wait_for_answers, wait_for_nodes
from unet_operator.lifecycle.stop import ended_for_good, stop_attempt
from unet_operator.observe.objects import Job, Observed


def trained(draft: Draft, training: UNetTraining, seen: Observed, image: str) -> bool:
    """Whether the network is trained; brings the present attempt one step on until it is.

    Args:
        image: that an attempt which begins now will have to its end.
    """
    status = draft.status
    if status.holds("Trained"):
        release_workers(draft, training.spec.run_policy, seen)
        return True
    if status.attempt == 0:
        _begin(draft, training, 1, seen, image)
        return False
    if status.next_attempt_time is not None:
        _restart(draft, training, seen, image)
        return False
    take_progress(draft, seen)  # first: from what an attempt says last the next one resumes
    attempt = view(training, status, seen)
    if attempt.launched_well(draft.now):
        _finish(draft, training, seen, attempt)
        return True
    _go_on(draft, training, seen, attempt)
    return False


def _begin(draft: Draft, training: UNetTraining, attempt: int, seen: Observed, image: str) -> None:
    """Writes the attempt's number; its children follow with the next look."""
    policy = training.spec.run_policy
    draft.set(
        attempt=attempt,
        image=image,
        next_attempt_time=None,
        replicas=draft.status.replicas or training.spec.workers.replicas,
        reduced_replicas=None,
        gang="PodGroup" if policy.gang == "auto" and seen.gang_available else "none",
        logs=Logs(launcher=f"job/{names.launcher(training.name, attempt)}"),
    )
    starts = message.attempt_starts(attempt)
    draft.condition("WorkersReady", False, "AttemptStarted", starts)
    draft.tell(
        "Normal", "AttemptStarted", f"attempt {attempt} with {draft.status.replicas} workers"
    )
    draft.say(starts)
    draft.wake(0)


def _restart(draft: Draft, training: UNetTraining, seen: Observed, image: str) -> None:
    """Waits until the pods of the last attempt have ended and the back-off is over."""
    attempt, due = draft.status.attempt, draft.status.next_attempt_time
    stop_attempt(draft, seen, attempt)
    draft.set(workers=None)
    if not ended_for_good(seen, attempt, draft.now):
        draft.wake(5)
    elif due is not None and draft.now < due:
        draft.wake_at(due)
    else:
        asked = training.spec.workers
        least = asked.min_replicas or asked.replicas
        fit = draft.status.reduced_replicas or asked.replicas
        draft.set(replicas=max(least, min(fit, asked.replicas)))
        _begin(draft, training, attempt + 1, seen, image)


def _finish(draft: Draft, training: UNetTraining, seen: Observed, attempt: AttemptView) -> None:
    """The launcher is done: the network is trained, whatever befell a worker meanwhile."""
    take_last_words(draft, attempt.launcher_pod)
    draft.set(workers=None)
    draft.condition("Trained", True, "Trained", message.TRAINED, event="Normal")
    draft.condition("WorkersReady", False, "Released", "the workers have done their work")
    draft.say(message.TRAINED)
    release_workers(draft, training.spec.run_policy, seen)


def _go_on(draft: Draft, training: UNetTraining, seen: Observed, attempt: AttemptView) -> None:
    """The attempt is not done: ends it if something is lost, else brings it one step on."""
    launcher, pod = attempt.launcher, attempt.launcher_pod
    if launcher is not None and (launcher.failed or attempt.outlived(draft.now)):
        judge_failed_launcher(draft, training, attempt, launcher)
        return
    if launcher is not None and pod is not None and not pod.ended and pod.gone(draft.now):
        conclude(draft, training, launcher_failure(pod, "its node does not say that it ended"))
        return
    if attempt.workers_job is None:
        _without_workers(draft, training, launcher)
        return
    ready = sum(pod.ready for pod in attempt.workers)
    draft.set(workers=f"{ready}/{attempt.workers_job.completions}")
    if worker_lost(draft, training, attempt, attempt.workers_job):
        return
    if launcher is None:
        if draft.status.holds("WorkersReady"):
            conclude(draft, training, deleted_launchers_job())
        else:
            wait_for_nodes(draft, training, seen, attempt.workers, attempt.workers_job)
    elif draft.status.holds("WorkersReady"):
        draft.wake(LOOK_SECONDS)
    else:
        wait_for_answers(draft, seen, attempt, attempt.workers_job, launcher)


def _without_workers(draft: Draft, training: UNetTraining, launcher: Job | None) -> None:
    """Creates the workers, or ends an attempt that had some: it never gets new ones."""
    status = draft.status
    if launcher is not None or status.holds("WorkersReady"):
        conclude(draft, training, recorded(status) or deleted_workers_job())
    else:
        draft.do(CreateWorkers(status.attempt, status.replicas, status.gang == "PodGroup"))
        draft.wake(LOOK_SECONDS)
