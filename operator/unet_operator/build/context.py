"""What builders take: a training with what was decided beyond its spec."""

from __future__ import annotations

from dataclasses import dataclass, replace

from unet_operator.api import pod_paths
from unet_operator.api.labels import labels_of
from unet_operator.api.resource import UNetTraining


@dataclass(frozen=True)
class Context:
    """A training with what its pods need to know beyond the spec."""

    training: UNetTraining
    image: str
    one_node: bool = False
    """Whether a claim can be mounted on one node only."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets of the image registry beside the spec's own."""

    @property
    def of_the_attempt(self) -> Context:
        """The same with the image that the present attempt began with.

        An operator that is upgraded between workers and launcher must not mix two.
        """
        return replace(self, image=self.training.status.image or self.image)

    @property
    def name(self) -> str:
        """The training's name."""
        return self.training.name

    def labels(self, role: str, attempt: int) -> dict[str, str]:
        """Labels of the training's pods of that role and attempt (or round)."""
        return labels_of(self.name, self.training.meta.uid, role, attempt)

    @property
    def run_folder(self) -> str:
        """Path of the run folder in a pod."""
        return pod_paths.run_folder(self.name, self.training.meta.uid)

    def evaluation_folder(self, round_: int) -> str:
        """Path of a round's predictions and report in a pod."""
        return pod_paths.evaluation_folder(self.name, self.training.meta.uid, round_)

    @property
    def data_path(self) -> str:
        """Path of the task's folder in a pod."""
        return f"{pod_paths.DATA}/{self.training.spec.dataset.task}"
