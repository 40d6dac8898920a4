"""The present attempt as it is seen: its two Jobs and their pods."""

from __future__ import annotations

from dataclasses import dataclass

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import Status
from unet_operator.observe.objects import Job, Observed, Pod


@dataclass(frozen=True)
class AttemptView:
    """What there is of an attempt."""

    workers_job: Job | None
    workers: tuple[Pod, ...]
    launcher: Job | None
    launcher_pod: Pod | None
    """The newest, should there be several."""


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
