"""The Job controller: pods follow the spec, the status follows the pods.

After syncJob, manageJob and trackJobStatusAndRemoveFinalizers of Kubernetes 1.37, in one sync
where the real one needs several.  Left out is what no Job of ours asks for: success policies,
back-off per index, OnFailure restarts, external managers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from support.operator.kubernetes.clock import Clock, read
from support.operator.kubernetes.job_pods import (
    TRACKED,
    PodMaker,
    index_of,
    indexes_text,
    tracked,
)
from support.operator.kubernetes.job_sync import JobSync
from support.operator.kubernetes.objects import (
    Object,
    condition,
    controller_of,
    going,
    holds,
    key_of,
    phase,
    with_condition,
)
from support.operator.kubernetes.pod_failure_policy import judge
from support.operator.kubernetes.refusal import Refusal
from support.operator.kubernetes.store import Store

FIRST_DELAY, LONGEST_DELAY = 10.0, 600.0
"""Seconds before a failed pod is replaced: the first time, and at most; each doubles the wait."""


@dataclass
class _Failures:
    """Failures of a Job's pods since the last success."""

    count: int = 0
    last: float = 0.0


class JobController:
    """Brings every Job one step on, as often as it is asked to."""

    def __init__(self, store: Store, clock: Clock, warn: Callable[[Object, str], None]) -> None:
        self._store, self._clock, self._warn = store, clock, warn
        self._make = PodMaker(store)
        self._failures: dict[str, _Failures] = {}

    def sync_all(self) -> None:
        """Looks at every Job once, and at pods whose Job is gone."""
        pods: dict[str, list[Object]] = {}
        for pod in self._store.all("pods"):
            pods.setdefault(controller_of(pod), []).append(pod)
        for job in list(self._store.all("jobs")):
            self._sync(JobSync(job, pods.pop(job["metadata"]["uid"], [])))
        for orphan in (pod for found in pods.values() for pod in found if tracked(pod)):
            self._release(orphan)

    def _sync(self, sync: JobSync) -> None:
        status = sync.status
        if holds(status, "Complete") or holds(status, "Failed"):
            for pod in filter(tracked, sync.pods):
                self._release(pod)
            return
        if "startTime" not in status and not sync.suspended:
            status["startTime"] = self._clock.stamp()
        self._remember(sync)
        done = len(sync.done()) if sync.indexed else self._counted(sync)
        verdict = self._verdict(sync)
        if verdict is not None:
            for pod in sync.active:
                self._store.delete(*key_of("pods", pod))
        elif not going(sync.job):
            self._manage(sync, done)
        sync.pods = self._pods_of(sync.job)
        wanted = sync.spec.get("completions")
        complete = done >= wanted if wanted is not None else done > 0
        if verdict is None and complete and not sync.active:
            verdict = ("SuccessCriteriaMet", "CompletionsReached", _REACHED)
        self._count(sync, verdict)
        self._conclude(sync, verdict)
        self._store.set_status("jobs", sync.job, status)

    def _remember(self, sync: JobSync) -> None:
        """Keeps count of failures in a row: each makes the next pod come later."""
        known = self._failures.setdefault(sync.job["metadata"]["uid"], _Failures())
        if sync.succeeded:
            known.count = 0
        elif sync.failed:
            known.count += len(sync.failed)
            known.last = self._clock.now.timestamp()

    @staticmethod
    def _counted(sync: JobSync) -> int:
        return int(sync.status.get("succeeded", 0)) + len(sync.succeeded)

    def _verdict(self, sync: JobSync) -> tuple[str, str, str] | None:
        """(type, reason, message) of the condition that ends the Job, if something does."""
        for kind in ("SuccessCriteriaMet", "FailureTarget"):
            found = condition(sync.status, kind)
            if found is not None and found["status"] == "True":
                return kind, found["reason"], found["message"]
        policy = sync.spec.get("podFailurePolicy")
        for pod in filter(sync.has_failed, sync.pods if policy else ()):
            words = judge(policy, pod).fails_job
            if words:
                return "FailureTarget", "PodFailurePolicy", words
        failures = sum(judge(policy, pod).counts for pod in sync.failed)
        if sync.status.get("failed", 0) + failures > sync.spec["backoffLimit"]:
            return "FailureTarget", "BackoffLimitExceeded", _LIMIT
        if self._overdue(sync):
            return "FailureTarget", "DeadlineExceeded", _DEADLINE
        return None

    def _overdue(self, sync: JobSync) -> bool:
        """Whether a Job that has a deadline of its own is past it."""
        limit: float | None = sync.spec.get("activeDeadlineSeconds")
        start: str | None = sync.status.get("startTime")
        if limit is None or start is None or sync.suspended:
            return False
        return self._clock.now >= read(start) + timedelta(seconds=limit)

    def _manage(self, sync: JobSync, done: int) -> None:
        """Makes or deletes pods until there are as many as there should be."""
        if sync.suspended:
            self._take_away(sync.active)
            return
        wanted = int(sync.spec["parallelism"])
        if sync.spec.get("completions") is not None:
            wanted = min(wanted, max(0, sync.spec["completions"] - done))
        elif done:
            wanted = len(sync.active)
        if len(sync.active) > wanted:
            self._take_away(_first_to_go(sync.active)[: len(sync.active) - wanted])
            return
        leaving = len(sync.terminating) if sync.spec["podReplacementPolicy"] == "Failed" else 0
        missing = wanted - len(sync.active) - leaving
        if missing <= 0 or self._waits(sync.job):
            return
        taken = sync.done() | {index_of(p) for p in sync.active}
        free = [i for i in range(sync.spec.get("completions") or 0) if i not in taken]
        for number in range(missing):
            index = free[number] if sync.indexed and number < len(free) else None
            try:
                self._make(sync.job, index)
            except Refusal as refused:
                self._warn(sync.job, f"Error creating: {refused.message}")
                return

    def _take_away(self, pods: list[Object]) -> None:
        """Deletes pods that are too many, whose end is not to be counted."""
        for pod in pods:
            self._release(pod)
            self._store.delete(*key_of("pods", pod))

    def _waits(self, job: Object) -> bool:
        """Whether the last failure is too fresh for another pod."""
        known = self._failures[job["metadata"]["uid"]]
        if not known.count:
            return False
        delay: float = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (known.count - 1))
        return self._clock.now.timestamp() < known.last + delay

    def _count(self, sync: JobSync, verdict: tuple[str, str, str] | None) -> None:
        """Counts what has ended and lets go of it."""
        status, policy = sync.status, sync.spec.get("podFailurePolicy")
        lost = verdict is not None and verdict[0] == "FailureTarget"
        status["active"] = len(sync.active)
        status["terminating"] = len(sync.terminating)
        status["ready"] = sum(holds(pod["status"], "Ready") for pod in sync.active)
        done = sync.done()
        if sync.indexed:
            status["completedIndexes"] = indexes_text(done)
            status["succeeded"] = len(done)
        else:
            status["succeeded"] = self._counted(sync)
        failed = [p for p in sync.pods if tracked(p) and phase(p) != "Succeeded"]
        failed = failed if lost else sync.failed
        status["failed"] = status.get("failed", 0) + sum(judge(policy, p).counts for p in failed)
        for pod in sync.pods if verdict is not None else (*sync.succeeded, *sync.failed):
            self._release(pod)

    def _conclude(self, sync: JobSync, verdict: tuple[str, str, str] | None) -> None:
        """Writes what ends the Job, and when all pods have ended that it has."""
        if verdict is None:
            self._say_suspended(sync)
            return
        kind, reason, message = verdict
        self._say(sync, kind, "True", reason, message)
        if sync.terminating:
            return
        end = "Complete" if kind == "SuccessCriteriaMet" else "Failed"
        self._say(sync, end, "True", reason, message)
        if end == "Complete":
            sync.status["completionTime"] = self._clock.stamp()

    def _say_suspended(self, sync: JobSync) -> None:
        known = condition(sync.status, "Suspended")
        if sync.suspended:
            if known is None or known["status"] != "True":
                self._say(sync, "Suspended", "True", "JobSuspended", "Job suspended")
                sync.status.pop("startTime", None)
        elif known is not None and known["status"] != "False":
            self._say(sync, "Suspended", "False", "JobResumed", "Job resumed")
            sync.status["startTime"] = self._clock.stamp()

    def _say(self, sync: JobSync, kind: str, value: str, reason: str, message: str) -> None:
        known = condition(sync.status, kind)
        new = {"type": kind, "status": value, "reason": reason, "message": message}
        if known is not None and {k: known.get(k) for k in new} == new:
            return
        now = self._clock.stamp()
        new |= {"lastProbeTime": now, "lastTransitionTime": now}
        sync.status["conditions"] = with_condition(sync.status.get("conditions", ()), new)

    def _pods_of(self, job: Object) -> list[Object]:
        uid = job["metadata"]["uid"]
        return [pod for pod in self._store.all("pods") if controller_of(pod) == uid]

    def _release(self, pod: Object) -> None:
        if tracked(pod):
            kept = [f for f in pod["metadata"]["finalizers"] if f != TRACKED]
            self._store.set_finalizers("pods", pod, kept)


def _first_to_go(pods: list[Object]) -> list[Object]:
    """Of pods that are too many, those first that are not ready, then those of high index."""
    return sorted(pods, key=lambda p: (holds(p["status"], "Ready"), -(index_of(p) or 0)))


_REACHED = "Reached expected number of succeeded pods"
_LIMIT = "Job has reached the specified backoff limit"
_DEADLINE = "Job was active longer than specified deadline"
