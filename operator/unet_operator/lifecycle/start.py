"""The start of an attempt: workers get nodes, then the launcher gets their answers."""

from __future__ import annotations

from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.no_room import WAIT_FOR_ROOM, fitting_replicas, not_enough_room
from unet_operator.failure.obstacle import Obstacle
from unet_operator.failure.pods_not_running import why_not_running
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import CreateLauncher
from unet_operator.lifecycle.attempt_end import conclude
from unet_operator.lifecycle.attempt_view import AttemptView
from unet_operator.lifecycle.draft import Draft
from unet_operator.observe.objects import Job, Observed, Pod


def wait_for_nodes(
    draft: Draft,
    training: UNetTraining,
    seen: Observed,
    workers: tuple[Pod, ...],
    workers_job: Job,
) -> None:
    """The launcher starts once every worker has a node: until then it would only wait."""
    placed = sum(pod.scheduled for pod in workers)
    draft.wake(LOOK_SECONDS)
    if placed >= workers_job.completions:
        draft.do(CreateLauncher(draft.status.attempt))
        return
    obstacle = why_not_running(seen, workers, workers_job, draft.now)
    if obstacle is not None:
        draft.wait_for(obstacle, "WorkersReady")
        _try_fewer(draft, training, obstacle, placed, workers_job)


def _try_fewer(
    draft: Draft, training: UNetTraining, obstacle: Obstacle, placed: int, workers_job: Job
) -> None:
    """Ends an attempt that has waited long enough for room, if a smaller one is allowed."""
    wanted = workers_job.completions
    least = training.spec.workers.min_replicas or wanted
    fit = fitting_replicas(obstacle, wanted=wanted, least=least, placed=placed)
    if fit is None:
        return
    since = draft.since("WorkersReady")
    over = max(since, workers_job.created or since) + WAIT_FOR_ROOM
    if draft.now < over:
        draft.wake_at(over)
        return
    # `replicas` too: release 0.1.0 looks for it there, should the operator be rolled back.
    draft.set(reduced_replicas=fit, replicas=fit)
    conclude(draft, training, not_enough_room(wanted, fit))


def wait_for_answers(
    draft: Draft, seen: Observed, attempt: AttemptView, workers_job: Job, launcher: Job
) -> None:
    """Training starts when rendezvous has had an answer from every worker."""
    pod = attempt.launcher_pod
    draft.wake(LOOK_SECONDS)
    if _rendezvous_is_over(pod):
        answer = f"all {workers_job.completions} workers answer"
        draft.condition("WorkersReady", True, "WorkersReady", answer, event="Normal")
        draft.say(message.TRAINING)
        return
    obstacle = why_not_running(seen, attempt.workers, workers_job, draft.now)
    if obstacle is None:
        pods = () if pod is None else (pod,)
        obstacle = why_not_running(seen, pods, launcher, draft.now)
    if obstacle is not None:
        draft.wait_for(obstacle, "WorkersReady")
    else:
        draft.condition("WorkersReady", False, "WaitingForWorkers", "waiting for their answers")
        draft.say(message.WAITING_FOR_ANSWERS)


def _rendezvous_is_over(pod: Pod | None) -> bool:
    end = pod.exits.get("rendezvous") if pod is not None else None
    return end is not None and end.code == 0
