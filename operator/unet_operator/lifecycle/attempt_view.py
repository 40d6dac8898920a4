"""The present attempt as it is seen: its two Jobs and their pods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import Status
from unet_operator.observe.objects import Exit, Job, Observed, Pod

LAST_WORDS = timedelta(seconds=10)
"""How long the other containers of a pod may take to end by themselves."""


@dataclass(frozen=True)
class AttemptView:
    """What there is of an attempt."""

    workers_job: Job | None
    workers: tuple[Pod, ...]
    launcher: Job | None
    launcher_pod: Pod | None
    """The newest, should there be several."""

    @property
    def launch(self) -> Exit | None:
        """How the container `launch` ended, if it has."""
        return self.launcher_pod.exits.get("launch") if self.launcher_pod else None

    def outlived(self, now: datetime) -> bool:
        """Whether something else keeps the launcher's pod alive after `launch` has ended.

        As a mesh's sidecar does, which somebody has put into it.
        """
        pod, end = self.launcher_pod, self.launch
        if pod is None or end is None or end.finished is None:
            return False
        return bool(pod.running) and now >= end.finished + LAST_WORDS

    def launched_well(self, now: datetime) -> bool:
        """Whether the training is done: the end of `launch` decides, whatever else was there."""
        job, end = self.launcher, self.launch
        if job is None or job.complete:
            return job is not None
        over = bool(job.failed) or self.outlived(now)
        return over and end is not None and end.code == 0


def view(training: UNetTraining, status: Status, seen: Observed) -> AttemptView:
    """What there is of the present attempt."""
    name, attempt = training.name, status.attempt
    return AttemptView(
        workers_job=seen.jobs.get(names.worker(name, attempt)),
        workers=seen.of("worker", attempt),
        launcher=seen.jobs.get(names.launcher(name, attempt)),
        launcher_pod=max(seen.of("launcher", attempt), key=_created, default=None),
    )


def _created(pod: Pod) -> float:
    return pod.created.timestamp() if pod.created else 0.0
