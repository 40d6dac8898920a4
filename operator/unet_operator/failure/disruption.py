"""A pod that the cluster took away: by whom, in words.  Such a loss counts for nothing."""

from __future__ import annotations

from unet_operator.observe.objects import Pod

_DISRUPTIONS = {
    "PreemptionByScheduler": ("WorkerPreempted", "was preempted by a pod of higher priority"),
    "EvictionByEvictionAPI": ("WorkerEvicted", "was evicted, as by kubectl drain"),
    "DeletionByTaintManager": ("WorkerEvicted", "was evicted by a taint of its node"),
    "TerminationByKubelet": ("WorkerEvicted", "was evicted by its node"),
    "DeletionByPodGC": ("NodeLost", "was on a node that is gone"),
}


def disruption(pod: Pod | None) -> tuple[str, str] | None:
    """(reason if the pod is a worker, what befell it), if the cluster took it away."""
    if pod is None:
        return None
    if pod.silent and pod.disruption == "DeletionByTaintManager":
        return "NodeLost", "was on a node that stopped answering"
    return _DISRUPTIONS.get(pod.disruption)
