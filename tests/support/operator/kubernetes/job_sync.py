"""One look at one Job: its pods, sorted by what has become of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from support.operator.kubernetes.job_pods import index_of, indexes, tracked
from support.operator.kubernetes.objects import Object, ended, going, phase


@dataclass
class JobSync:
    """One look at one Job."""

    job: Object
    pods: list[Object]
    status: Object = field(init=False)

    def __post_init__(self) -> None:
        self.status = dict(self.job.get("status", {}))

    @property
    def spec(self) -> Object:
        """The Job's spec."""
        found: Object = self.job["spec"]
        return found

    @property
    def indexed(self) -> bool:
        """Whether each pod has a part of its own."""
        return bool(self.spec.get("completionMode") == "Indexed")

    @property
    def suspended(self) -> bool:
        """Whether the Job is to rest."""
        return bool(self.spec.get("suspend"))

    @property
    def active(self) -> list[Object]:
        """Pods that have not ended and are not told to go."""
        return [p for p in self.pods if not ended(p) and not going(p)]

    @property
    def terminating(self) -> list[Object]:
        """Pods that were told to go and have not ended."""
        return [p for p in self.pods if not ended(p) and going(p)]

    @property
    def succeeded(self) -> list[Object]:
        """Pods that ended well and are not counted yet."""
        return [p for p in self.pods if tracked(p) and phase(p) == "Succeeded"]

    @property
    def failed(self) -> list[Object]:
        """Pods that failed and are not counted yet."""
        return [p for p in self.pods if tracked(p) and self.has_failed(p)]

    def has_failed(self, pod: Object) -> bool:
        """Whether a pod counts as failed, where only failed ones are replaced: once it ended."""
        if phase(pod) == "Failed" or self.spec.get("podReplacementPolicy") == "Failed":
            return phase(pod) == "Failed"
        return going(pod) and phase(pod) != "Succeeded"

    def done(self) -> set[int]:
        """Indexes that are done, counted or not."""
        fresh = {index_of(p) for p in self.succeeded} - {None}
        return indexes(self.status.get("completedIndexes", "")) | {
            i for i in fresh if i is not None
        }
