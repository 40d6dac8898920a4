"""One attempt: its workers, then its launcher, until training is done or something is lost.

The order is fixed by what may not overlap: the attempt's number is written before its
children exist, the launcher starts when every worker has a node, the next attempt starts
when the pods of the last have ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import LOST, UNCOUNTED, Logs, TrainingProgress
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.ended import (
    Cause,
    finished_at,
    launcher_failure,
    lost_worker,
    names_itself,
)
from unet_operator.failure.waiting import trouble
from unet_operator.lifecycle.actions import CreateLauncher, CreateWorkers, SuspendJob
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.retry import conclude
from unet_operator.observe.objects import Job, Observed, Pod

SETTLE = timedelta(seconds=6)
"""How long a launcher's unexplained end waits for news of the worker that caused it."""
LET_CHECKPOINT = timedelta(seconds=130)
"""How long ranks may take to checkpoint and end once a worker is told to go (its grace is 120)."""
LET_NOTICE = timedelta(seconds=30)
"""How long the launcher may take to notice a worker that is gone without a word."""
WAIT_FOR_ROOM = timedelta(seconds=120)
"""How long workers may wait for a node before a smaller attempt is tried."""


def attempt_step(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Brings the present attempt one step on; False once the network is trained."""
    if draft.status.holds("Trained"):
        _release_workers(draft, training, seen)
        return False
    if draft.status.attempt == 0:
        _begin(draft, training, 1, seen)
        return True
    if draft.status.next_attempt_time is not None:
        _restart(draft, training, seen)
        return True
    return _run(draft, training, seen)


def _begin(draft: Draft, training: UNetTraining, attempt: int, seen: Observed) -> None:
    """Writes the attempt's number; its children follow with the next look."""
    policy = training.spec.run_policy
    draft.set(
        attempt=attempt,
        next_attempt_time=None,
        replicas=draft.status.replicas or training.spec.workers.replicas,
        gang="PodGroup" if policy.gang == "auto" and seen.gang_available else "none",
        logs=Logs(launcher=f"job/{names.launcher(training.name, attempt)}"),
    )
    draft.condition("WorkersReady", False, "AttemptStarted", f"attempt {attempt} starts")
    draft.tell(
        "Normal", "AttemptStarted", f"attempt {attempt} with {draft.status.replicas} workers"
    )
    draft.say(f"attempt {attempt} starts")
    draft.wake(0)


def _restart(draft: Draft, training: UNetTraining, seen: Observed) -> None:
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
        if draft.status.reason("WorkersReady") != "NotEnoughRoom":
            draft.set(replicas=asked.replicas)
        draft.set(replicas=max(least, min(draft.status.replicas, asked.replicas)))
        _begin(draft, training, attempt + 1, seen)


def _run(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    status, name = draft.status, training.name
    worker = seen.jobs.get(names.worker(name, status.attempt))
    launcher = seen.jobs.get(names.launcher(name, status.attempt))
    workers = seen.of("worker", status.attempt)
    pod = _newest(seen.of("launcher", status.attempt))
    # First of all: what an attempt says at its end is from where the next one resumes.
    _take_progress(draft, seen)
    if launcher is not None and launcher.complete:
        _trained(draft, training, seen, pod)
        return False
    if launcher is not None and launcher.failed:
        _launcher_failed(draft, training, workers, pod, launcher)
        return True
    if launcher is not None and pod is not None and not pod.ended and pod.gone(draft.now):
        conclude(draft, training, launcher_failure(pod, "its node does not say that it ended"))
        return True
    if worker is None:
        if launcher is not None or status.holds("WorkersReady"):
            gone = Cause("WorkerDeleted", "the workers' Job was deleted", counted=False)
            conclude(draft, training, _recorded(draft) or gone)
        else:
            draft.do(CreateWorkers(status.attempt, status.replicas, status.gang == "PodGroup"))
            draft.wake(LOOK_SECONDS)
        return True
    draft.set(workers=f"{sum(p.ready for p in workers)}/{worker.completions}")
    if _lost(draft, training, workers, worker, launcher):
        return True
    if launcher is None:
        if status.holds("WorkersReady"):
            gone = Cause("LauncherDeleted", "the launcher's Job was deleted", counted=False)
            conclude(draft, training, gone)
        else:
            _wait_for_nodes(draft, training, seen, workers, worker)
        return True
    if not status.holds("WorkersReady"):
        _wait_for_answers(draft, seen, workers, worker, launcher, pod)
    else:
        draft.wake(LOOK_SECONDS)
    return True


def _launcher_failed(
    draft: Draft,
    training: UNetTraining,
    workers: tuple[Pod, ...],
    pod: Pod | None,
    launcher: Job,
) -> None:
    cause = launcher_failure(pod, launcher.failed)
    if not names_itself(cause):
        lost = _recorded(draft) or lost_worker(workers)
        if lost is None:
            end = finished_at(pod)
            if end is not None and draft.now < end + SETTLE:
                draft.wake_at(end + SETTLE)
                return
        cause = lost or cause
    if cause.reason == "BadData":
        draft.condition("DataReady", False, cause.reason, cause.message)
    conclude(draft, training, cause)


def _lost(
    draft: Draft,
    training: UNetTraining,
    workers: tuple[Pod, ...],
    worker: Job,
    launcher: Job | None,
) -> bool:
    """Records a lost worker, lets the launcher end with a checkpoint, then ends the attempt."""
    lost = _recorded(draft) or lost_worker(workers)
    if lost is None and worker.failed:
        lost = Cause("WorkerFailed", f"a worker ended ({worker.failed})")
    if lost is None:
        return False
    if draft.status.reason("WorkersReady") not in LOST:
        draft.condition("WorkersReady", False, lost.reason, lost.message)
        draft.say(f"{lost.message}; waiting for the other ranks to end")
    if launcher is None:
        conclude(draft, training, lost)
        return True
    since = draft.status.condition("WorkersReady").last_transition_time
    told = lost.reason in ("WorkerDeleted", "WorkerEvicted", "WorkerPreempted")
    end = since + (LET_CHECKPOINT if told else LET_NOTICE)
    if draft.now < end:
        draft.wake_at(end)
    else:
        conclude(draft, training, lost)
    return True


def _recorded(draft: Draft) -> Cause | None:
    """The loss that was recorded before its pod vanished."""
    found = draft.status.condition("WorkersReady")
    if found is None or found.status == "True" or found.reason not in LOST:
        return None
    return Cause(
        found.reason,
        found.message,
        counted=found.reason not in UNCOUNTED,
        memory=found.reason == "WorkerOutOfMemory",
    )


def _wait_for_nodes(
    draft: Draft, training: UNetTraining, seen: Observed, workers: tuple[Pod, ...], worker: Job
) -> None:
    """The launcher starts once every worker has a node: until then it would only wait."""
    placed = sum(p.scheduled for p in workers)
    if placed >= worker.completions:
        draft.do(CreateLauncher(draft.status.attempt, worker.completions))
        draft.wake(LOOK_SECONDS)
        return
    found = trouble(seen, workers, worker, draft.now)
    if found is None:
        draft.wake(LOOK_SECONDS)
        return
    draft.condition("WorkersReady", False, found.reason, found.message, event="Warning")
    draft.say(found.message)
    draft.wake(LOOK_SECONDS)
    least = training.spec.workers.min_replicas or worker.completions
    since = draft.status.condition("WorkersReady").last_transition_time
    born = max(filter(None, (worker.created, since)))
    if found.reason in ("Unschedulable", "QuotaExceeded") and least < worker.completions:
        if draft.now < born + WAIT_FOR_ROOM:
            draft.wake_at(born + WAIT_FOR_ROOM)
            return
        # A gang binds none of its pods, so the number that fits is not known: go to the least.
        fit = max(least, placed)
        draft.set(replicas=fit)
        cause = Cause(
            "NotEnoughRoom",
            f"no room for {worker.completions} workers, {fit} will do",
            counted=False,
        )
        conclude(draft, training, cause)


def _wait_for_answers(
    draft: Draft,
    seen: Observed,
    workers: tuple[Pod, ...],
    worker: Job,
    launcher: Job,
    pod: Pod | None,
) -> None:
    """Training starts when rendezvous has had an answer from every worker."""
    met = pod is not None and "rendezvous" in pod.exits and pod.exits["rendezvous"].code == 0
    if met:
        draft.condition(
            "WorkersReady",
            True,
            "WorkersReady",
            f"all {worker.completions} workers answer",
            event="Normal",
        )
        draft.say("training")
        draft.wake(LOOK_SECONDS)
        return
    pods = (*workers, *((pod,) if pod else ()))
    found = trouble(seen, workers, worker, draft.now) or trouble(
        seen, pods[len(workers) :], launcher, draft.now
    )
    if found is not None:
        draft.condition("WorkersReady", False, found.reason, found.message, event="Warning")
        draft.say(found.message)
    else:
        draft.condition("WorkersReady", False, "WaitingForWorkers", "waiting for their answers")
        draft.say("waiting for every worker's answer")
    draft.wake(LOOK_SECONDS)


def _trained(draft: Draft, training: UNetTraining, seen: Observed, pod: Pod | None) -> None:
    end = pod.exits.get("launch") if pod else None
    known = (draft.status.training or TrainingProgress()).model_dump()
    if end is not None:
        said = end.message
        last = {
            "epoch": said.epoch,
            "epochs": said.epochs,
            "loss": said.loss,
            "validation_dice": said.validation_dice,
        }
        known |= {key: value for key, value in last.items() if value is not None}
    known |= {"eta": None, "stage": None, "step": None, "time": draft.now}
    progress = TrainingProgress.model_validate(known)
    dice = progress.validation_dice if progress.validation_dice is not None else draft.status.dice
    draft.set(training=progress, dice=dice, workers=None)
    draft.condition("Trained", True, "Trained", "the network is trained", event="Normal")
    draft.condition("WorkersReady", False, "Released", "the workers have done their work")
    draft.say("the network is trained")
    _release_workers(draft, training, seen)


def _release_workers(draft: Draft, training: UNetTraining, seen: Observed) -> None:
    if training.spec.run_policy.clean_pod_policy != "None":
        stop_attempt(draft, seen, draft.status.attempt)


def _take_progress(draft: Draft, seen: Observed) -> None:
    if seen.log.plan is not None and seen.log.plan != draft.status.plan:
        plan = seen.log.plan
        if draft.status.plan is None:
            draft.tell(
                "Normal",
                "Planned",
                f"patch {plan.patch_size}, batch {plan.batch_size} per rank, "
                f"{plan.global_batch_size} in all, {plan.precision}",
            )
        draft.set(plan=plan)
    if seen.log.progress is not None:
        progress = seen.log.progress
        if progress != (draft.status.training or TrainingProgress()).model_copy(
            update={"time": progress.time}
        ):
            draft.set(training=progress.model_copy(update={"time": draft.now}))
        if progress.validation_dice is not None:
            draft.set(dice=progress.validation_dice)


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


def _newest(pods: tuple[Pod, ...]) -> Pod | None:
    return max(pods, key=lambda p: p.created.timestamp() if p.created else 0.0, default=None)
