"""What is: the few fields of pods, jobs and claims that decisions hang on.

Pods are projected as they come off the watch, so that memory holds a dozen fields of each
and not its whole body.  Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unet_operator.api.labels import LABEL_ATTEMPT, LABEL_NAME, LABEL_ROLE, LABEL_UID
from unet_operator.observe.progress import LogReading, Termination, termination

OVERDUE = timedelta(seconds=6)
"""How long after a pod's grace its node may take to say that it ended."""
Body = Mapping[str, object]
"""An object as the API server gives it."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended."""

    code: int
    reason: str
    message: Termination
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of ours, projected."""

    name: str
    uid: str
    namespace: str
    training: str
    training_uid: str
    role: str
    attempt: int
    index: int | None
    phase: str
    ready: bool
    scheduled: bool
    unschedulable: str
    node: str
    created: datetime | None
    deleting_until: datetime | None
    """When its grace ends, if it is being deleted."""
    disruption: str
    """Reason of the DisruptionTarget condition: PreemptionByScheduler, EvictionByEvictionAPI,
    DeletionByTaintManager, TerminationByKubelet; else empty."""
    waiting: tuple[str, str] | None
    """(reason, message) of the first container that cannot start."""
    exits: Mapping[str, Exit] = field(default_factory=dict)
    running: frozenset[str] = frozenset()

    @property
    def ended(self) -> bool:
        """Whether none of its processes can run any more."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def silent(self) -> bool:
        """Whether its node stopped answering: what it runs is not known any more.

        A taint of a node that does answer ends it in peace, and it stays ready until then.
        """
        tainted = self.disruption == "DeletionByTaintManager"
        stale = tainted and not self.ready and bool(self.running)
        return stale or self.disruption == "DeletionByPodGC"

    def gone(self, now: datetime) -> bool:
        """Whether nothing can be awaited of it: it ended, is silent, or overstays its grace."""
        overdue = self.deleting_until is not None and now > self.deleting_until + OVERDUE
        return self.ended or self.silent or overdue

    @property
    def starting(self) -> bool:
        """Whether a node has it but a container has yet to start."""
        return self.scheduled and self.phase == "Pending"


@dataclass(frozen=True, slots=True)
class Job:
    """A Job of ours, projected."""

    name: str
    uid: str
    namespace: str
    training: str
    owner_uid: str
    role: str
    attempt: int
    completions: int
    suspended: bool
    active: int
    created: datetime | None
    complete: bool
    failed: str
    """Message of Failed or FailureTarget, or empty."""
    deleting: bool


@dataclass(frozen=True)
class Claim:
    """A PersistentVolumeClaim, projected; `exists` is false when it was not found."""

    name: str
    exists: bool
    modes: tuple[str, ...] = ()
    phase: str = ""
    deleting: bool = False
    training: str = ""
    """The training it was made for, if it was made by us."""


@dataclass(frozen=True)
class Observed:
    """Everything decisions hang on besides spec and status."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    claims: Mapping[str, Claim] = field(default_factory=dict)
    log: LogReading = field(default_factory=LogReading)
    warnings: Mapping[str, str] = field(default_factory=dict)
    """Last warning event by the uid of the job or pod it is about."""
    gang_available: bool = False

    def of(self, role: str, attempt: int) -> tuple[Pod, ...]:
        """Pods of that role and attempt (or round), by index."""
        found = [p for p in self.pods if p.role == role and p.attempt == attempt]
        return tuple(sorted(found, key=lambda p: (p.index or 0, p.name)))


def time_of(text: object) -> datetime | None:
    """Parses an RFC 3339 time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if isinstance(text, str) else None


def pod(body: Body) -> Pod:
    """Projects a pod."""
    meta, spec = body["metadata"], body.get("spec", {})
    status = body.get("status", {})
    labels = meta.get("labels", {})
    conditions = {c["type"]: c for c in status.get("conditions", [])}
    placed = conditions.get("PodScheduled", {})
    disrupted = conditions.get("DisruptionTarget", {})
    index = meta.get("annotations", {}).get("batch.kubernetes.io/job-completion-index")
    statuses = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    node = spec.get("nodeName", "")
    phase = status.get("phase", "Pending")
    if status.get("reason") == "Evicted" and not disrupted:
        disrupted = {"status": "True", "reason": "TerminationByKubelet"}
    return Pod(
        name=meta["name"],
        uid=meta["uid"],
        namespace=meta["namespace"],
        training=labels.get(LABEL_NAME, ""),
        training_uid=labels.get(LABEL_UID, ""),
        role=labels.get(LABEL_ROLE, ""),
        attempt=_number(labels),
        index=_whole(index),
        phase=phase,
        ready=conditions.get("Ready", {}).get("status") == "True",
        scheduled=bool(node),
        unschedulable=placed.get("message", "") if placed.get("reason") == "Unschedulable" else "",
        node=node,
        created=time_of(meta.get("creationTimestamp")),
        deleting_until=time_of(meta.get("deletionTimestamp")),
        disruption=disrupted.get("reason", "") if disrupted.get("status") == "True" else "",
        waiting=_waiting(statuses),
        exits={s["name"]: e for s in statuses if (e := _exit(s))},
        running=frozenset(s["name"] for s in statuses if "running" in s.get("state", {})),
    )


def job(body: Body) -> Job:
    """Projects a Job."""
    meta, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    labels = meta.get("labels", {})
    true = {c["type"]: c for c in status.get("conditions", []) if c["status"] == "True"}
    failure = true.get("Failed") or true.get("FailureTarget")
    owner = next((o for o in meta.get("ownerReferences", []) if o.get("controller")), {})
    return Job(
        name=meta["name"],
        uid=meta["uid"],
        namespace=meta["namespace"],
        training=labels.get(LABEL_NAME, ""),
        owner_uid=owner.get("uid", ""),
        role=labels.get(LABEL_ROLE, ""),
        attempt=_number(labels),
        completions=spec.get("completions", 1),
        suspended=bool(spec.get("suspend")),
        active=status.get("active", 0),
        created=time_of(meta.get("creationTimestamp")),
        complete="Complete" in true,
        failed=(failure.get("message") or failure["reason"]) if failure else "",
        deleting="deletionTimestamp" in meta,
    )


def claim(name: str, body: Body | None) -> Claim:
    """Projects a claim, or says that there is none."""
    if body is None:
        return Claim(name=name, exists=False)
    return Claim(
        name=name,
        exists=True,
        modes=tuple(body.get("spec", {}).get("accessModes", ())),
        phase=body.get("status", {}).get("phase", ""),
        deleting="deletionTimestamp" in body["metadata"],
        training=body["metadata"].get("labels", {}).get(LABEL_NAME, ""),
    )


def _number(labels: Mapping[str, str]) -> int:
    return _whole(labels.get(LABEL_ATTEMPT)) or 0


def _whole(text: str | None) -> int | None:
    """A number that a label or annotation holds; anybody may have written it."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


def _exit(status: Body) -> Exit | None:
    ended = status.get("state", {}).get("terminated")
    if not ended:
        return None
    return Exit(
        code=ended.get("exitCode", 1),
        reason=ended.get("reason", ""),
        message=termination(ended.get("message", "")),
        finished=time_of(ended.get("finishedAt")),
    )


def _waiting(statuses: list[Body]) -> tuple[str, str] | None:
    """The first container kept from starting by more than its turn not having come."""
    for status in statuses:
        held = status.get("state", {}).get("waiting")
        if held and held.get("reason") not in ("ContainerCreating", "PodInitializing", None):
            return held["reason"], held.get("message", "")
    return None
