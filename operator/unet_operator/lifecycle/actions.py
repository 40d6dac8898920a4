"""What a decision may ask for.  Each is idempotent: doing it twice equals doing it once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unet_operator.api.status import ConditionType, Status


@dataclass(frozen=True)
class CreateOutputClaim:
    """Create the claim of output.volumeClaimTemplate."""


@dataclass(frozen=True)
class CreateStage:
    """Create the Job that fetches the data set."""


@dataclass(frozen=True)
class CreateWorkers:
    """Create network, keys, configuration and the workers' Job of an attempt."""

    attempt: int
    replicas: int
    gang: bool


@dataclass(frozen=True)
class CreateLauncher:
    """Create the launcher's Job of an attempt."""

    attempt: int


@dataclass(frozen=True)
class CreateEvaluate:
    """Create the Job of the evaluation shards."""

    round: int


@dataclass(frozen=True)
class CreateReport:
    """Create the Job that merges the shards."""

    round: int


@dataclass(frozen=True)
class SuspendJob:
    """Suspend or resume a Job.

    Suspending ends its pods.  One whose policy is FAIL_AT_ONCE may fail by that, for its pods
    end with 143 and Kubernetes judges them before it looks at `suspend`; the others do not.
    """

    name: str
    uid: str
    suspend: bool = True


@dataclass(frozen=True)
class DeleteJob:
    """Delete a Job with its pods."""

    name: str
    uid: str


@dataclass(frozen=True)
class DeleteTraining:
    """Delete the UNetTraining itself; what it owns follows."""


Action = (
    CreateOutputClaim
    | CreateStage
    | CreateWorkers
    | CreateLauncher
    | CreateEvaluate
    | CreateReport
    | SuspendJob
    | DeleteJob
    | DeleteTraining
)

CONDITION_OF: dict[type, ConditionType] = {
    CreateOutputClaim: "Accepted",
    CreateStage: "DataReady",
    CreateWorkers: "WorkersReady",
    CreateLauncher: "WorkersReady",
    CreateEvaluate: "Evaluated",
    CreateReport: "Evaluated",
}
"""The condition that tells of an action the API server refused."""


@dataclass(frozen=True)
class Event:
    """An event to record on the UNetTraining."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Decision:
    """What to write, to do, to tell, and when to look again."""

    status: Status
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    wake: float | None = field(default=None)
    """Seconds until the next look, when nothing else calls for one."""
