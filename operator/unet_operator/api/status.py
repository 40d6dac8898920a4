"""The status of a UNetTraining: what the operator has seen and decided, in the user's words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, PlainSerializer

from unet_operator.api.schema import Lenient

Time = Annotated[
    AwareDatetime,
    PlainSerializer(lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str),
]
"""A moment in UTC, to the second, as Kubernetes writes it."""

ConditionType = Literal[
    "Accepted",
    "DataReady",
    "WorkersReady",
    "Trained",
    "Evaluated",
    "Suspended",
    "Complete",
    "Failed",
]
Phase = Literal[
    "Pending",
    "Staging",
    "Starting",
    "Training",
    "Evaluating",
    "Restarting",
    "Suspended",
    "Succeeded",
    "Failed",
]


class Condition(Lenient):
    """One aspect of the training, true, false or not known yet (metav1.Condition)."""

    type: ConditionType = Field(description="Aspect that is true or false.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: int = Field(
        default=0, description="metadata.generation this was decided for."
    )
    last_transition_time: Time = Field(description="When status last changed, UTC.")
    reason: str = Field(description="Why, in one CamelCase word for programs.")
    message: str = Field(default="", description="Why, in one line for people.")


class Plan(Lenient):
    """What the ranks decided from data and memory."""

    patch_size: str | None = Field(
        default=None,
        description="Size of a patch along the array axes.",
        json_schema_extra={"unit": "voxels"},
    )
    batch_size: int | None = Field(
        default=None,
        description="Patches per rank and step.",
        json_schema_extra={"unit": "patches"},
    )
    global_batch_size: int | None = Field(
        default=None,
        description="Patches per step over all ranks.",
        json_schema_extra={"unit": "patches"},
    )
    memory_estimate: int | None = Field(
        default=None,
        description="Memory one rank is expected to need.",
        json_schema_extra={"unit": "bytes"},
    )
    precision: str | None = Field(
        default=None, description="Number format of the computation, float32 or bfloat16."
    )


class Reduced(Lenient):
    """What later attempts must not exceed, after one ran out of memory."""

    batch_size: int | None = Field(
        default=None,
        description="Patches per rank and step.",
        json_schema_extra={"unit": "patches"},
    )
    patch_size: str | None = Field(
        default=None,
        description="Size of a patch along the array axes.",
        json_schema_extra={"unit": "voxels"},
    )


class LastFailure(Lenient):
    """Why an attempt ended, or is about to end: written down before the pod that tells it goes."""

    attempt: int = Field(description="The attempt that it befell.")
    reason: str = Field(description="Why, in one CamelCase word for programs.")
    message: str = Field(description="Why, in one line for people.")
    time: Time = Field(description="When it was first seen, UTC.")
    counted: bool = Field(
        default=True,
        description="Whether it is of a kind that counts against backoffLimit.",
    )
    memory: bool = Field(default=False, description="Whether a smaller batch or patch may mend it.")
    announced: bool = Field(
        default=False,
        description="Whether the pod was told to end, so that ranks may write a checkpoint first.",
    )


class Logs(Lenient):
    """What to hand to `kubectl logs`."""

    launcher: str | None = Field(default=None, description="The training's log.")
    results: str | None = Field(default=None, description="The Dice table.")


class TrainingProgress(Lenient):
    """How far training has come."""

    epoch: int | None = Field(default=None, description="Epoch in work, from 1.")
    epochs: int | None = Field(default=None, description="Epochs planned.")
    step: int | None = Field(default=None, description="Step within the epoch.")
    loss: float | None = Field(default=None, description="Training loss.")
    validation_dice: float | None = Field(
        default=None, description="Dice of the last validation, 0 to 1, on the training grid."
    )
    samples_per_second: float | None = Field(
        default=None,
        description="Patches of all ranks together.",
        json_schema_extra={"unit": "patches per second"},
    )
    eta: str | None = Field(default=None, description="Time left, such as 1h12m.")
    checkpoint_epoch: int | None = Field(default=None, description="Epoch of the last checkpoint.")
    stage: str | None = Field(
        default=None, description="Preparation in work, such as preprocess 12/208."
    )
    time: Time | None = Field(default=None, description="When this was read, UTC.")


class EvaluationResult(Lenient):
    """The score."""

    round: int | None = Field(default=None, description="Which evaluation this is, from 1.")
    cases: int | None = Field(default=None, description="Cases scored.")
    mean_dice: float | None = Field(
        default=None, description="Mean Dice, 0 to 1, on each case's own grid."
    )
    mean_dice_interval: list[float] | None = Field(
        default=None, description="95 % interval of the mean Dice."
    )
    dice_per_region: dict[str, float] | None = Field(
        default=None, description="Mean Dice of each region, 0 to 1."
    )
    hd95: float | None = Field(
        default=None,
        description="Mean 95th percentile of the surface distance.",
        json_schema_extra={"unit": "mm, or voxels where the images have no spacing"},
    )
    report: str | None = Field(
        default=None, description="Path of report.html inside the output volume."
    )


class Status(Lenient):
    """What the operator has seen and decided."""

    phase: Phase | None = Field(
        default=None,
        description="Where the training is: Pending, Staging, Starting, Training, Evaluating, "
        "Restarting, Suspended, Succeeded or Failed. Derived from the conditions.",
    )
    message: str = Field(default="", description="The cause of the present state, one line.")
    observed_generation: int = Field(default=0, description="metadata.generation last looked at.")
    conditions: list[Condition] = Field(
        default=[],
        description="Accepted, DataReady, WorkersReady, Trained, Evaluated, Suspended, "
        "Complete, Failed.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    attempt: int = Field(
        default=0, description="Number of the present life of launcher and workers, from 1."
    )
    image: str | None = Field(
        default=None,
        description="Training image of the present attempt, which keeps it to its end.",
    )
    failures: int = Field(default=0, description="Failed attempts that count against backoffLimit.")
    peer_lost_epoch: int | None = Field(
        default=None,
        description="Epoch of the last checkpoint when a connection between ranks last broke; "
        "should one break again before a later checkpoint, it counts as a failure.",
    )
    last_failure: LastFailure | None = Field(
        default=None,
        description="Why an attempt ended, or is about to end once its ranks have.",
    )
    stalled_attempts: int = Field(
        default=0,
        description="Attempts in a row that brought no later checkpoint; each doubles the wait.",
    )
    stalled_epoch: int | None = Field(
        default=None, description="Epoch of the last checkpoint when an attempt last ended."
    )
    retry: int | None = Field(
        default=None,
        description="runPolicy.retry when it last failed or was taken up again; a higher one "
        "takes it up.",
    )
    replaced_jobs: list[str] = Field(
        default=[], description="UIDs of failed Jobs that go before work is taken up again."
    )
    next_attempt_time: Time | None = Field(
        default=None, description="The next attempt starts no earlier, UTC."
    )
    start_time: Time | None = Field(
        default=None, description="When work began or was resumed, UTC."
    )
    completion_time: Time | None = Field(default=None, description="When it ended, UTC.")
    replicas: int = Field(default=0, description="Worker pods of the present attempt.")
    reduced_replicas: int | None = Field(
        default=None,
        description="Worker pods that the next attempt makes do with, for want of room.",
    )
    workers: str | None = Field(default=None, description="Worker pods ready of those wanted.")
    gang: str | None = Field(
        default=None, description="How the workers are bound: PodGroup (all or none) or none."
    )
    plan: Plan | None = Field(
        default=None, description="What the ranks decided from data and memory."
    )
    reduced: Reduced | None = Field(
        default=None, description="What later attempts must not exceed."
    )
    logs: Logs | None = Field(default=None, description="What to hand to `kubectl logs`.")
    training: TrainingProgress | None = Field(
        default=None, description="How far training has come."
    )
    dice: float | None = Field(
        default=None,
        description="Newest Dice, 0 to 1: of the last validation, then of the evaluation.",
    )
    evaluation_round: int | None = Field(
        default=None, description="Number of the evaluation that was begun last, from 1."
    )
    evaluation: EvaluationResult | None = Field(default=None, description="The score.")

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of that type, if it was ever set."""
        return next((c for c in self.conditions if c.type == kind), None)

    def holds(self, kind: ConditionType) -> bool:
        """Whether the condition is True."""
        condition = self.condition(kind)
        return condition is not None and condition.status == "True"

    def reason(self, kind: ConditionType) -> str:
        """The condition's reason, empty if it was never set."""
        condition = self.condition(kind)
        return condition.reason if condition else ""

    @property
    def checkpoint_epoch(self) -> int:
        """The last checkpoint's epoch, 0 before there is one."""
        return (self.training.checkpoint_epoch if self.training else None) or 0

    @property
    def failure_of_this_attempt(self) -> LastFailure | None:
        """What has befallen the present attempt, if something has."""
        last = self.last_failure
        return last if last is not None and last.attempt == self.attempt else None
