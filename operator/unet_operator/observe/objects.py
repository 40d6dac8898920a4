"""What is: the few fields of pods, Jobs and claims that decisions hang on.

`parse` makes these of what the API server says, so that memory holds a dozen fields of each
and not its whole body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unet_operator.observe.progress import LogReading, Termination

OVERDUE = timedelta(seconds=6)
"""How long after a pod's grace its node may take to say that it ended."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of an object, which deletes it when it goes itself."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended."""

    code: int
    reason: str
    message: Termination
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of ours."""

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
    """A Job of ours."""

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
    """A PersistentVolumeClaim; `exists` is false when it was not found."""

    name: str
    exists: bool
    modes: tuple[str, ...] = ()
    phase: str = ""
    deleting: bool = False
    training: str = ""
    """The training it was made for, if it was made by us."""


@dataclass(frozen=True, slots=True)
class KubernetesEvent:
    """An Event that Kubernetes recorded about an object."""

    message: str
    time: str
    """When it was last seen, as RFC 3339 in UTC; empty where it does not say."""


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
