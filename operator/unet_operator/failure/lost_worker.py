"""A lost worker: why it is gone or going while it should be serving ranks."""

from __future__ import annotations

from unet_operator.failure.disruption import disruption
from unet_operator.failure.failure import Failure
from unet_operator.observe.objects import Pod


def lost_worker(workers: tuple[Pod, ...]) -> Failure | None:
    """The loss that explains the others, if any of these workers is lost.

    A Job that has failed deletes the pods it has left, so that one is being deleted explains
    nothing as long as another has a fault of its own.
    """
    losses = [loss for pod in workers if (loss := _loss(pod)) is not None]
    return min(losses, key=lambda loss: loss.reason == "WorkerDeleted", default=None)


def failed_workers_job(message: str) -> Failure:
    """The loss when the workers' Job has failed and no pod is left to say why."""
    return Failure("WorkerFailed", f"a worker ended ({message})")


def deleted_workers_job() -> Failure:
    """The loss when the workers' Job itself is gone."""
    return Failure("WorkerDeleted", "the workers' Job was deleted", counted=False, announced=True)


def _loss(pod: Pod) -> Failure | None:
    who = f"worker {pod.index}"
    disrupted = disruption(pod)
    if disrupted is not None:
        reason, what = disrupted
        return Failure(reason, f"{who} {what}", counted=False, announced=reason != "NodeLost")
    ended = pod.exits.get("worker")
    if ended and ended.reason == "OOMKilled":
        return Failure("WorkerOutOfMemory", f"{who} ran out of memory", memory=True)
    if pod.deleting_until is not None:
        return Failure("WorkerDeleted", f"{who} was deleted", counted=False, announced=True)
    if pod.ended:
        said = f": {ended.message.cause}" if ended and ended.message.cause else ""
        code = f" with code {ended.code}" if ended else ""
        return Failure("WorkerFailed", f"{who} ended{code}{said}")
    return None
