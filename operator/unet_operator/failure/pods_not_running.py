"""Pods that should run and do not: the cause and its remedy, from what Kubernetes says."""

from __future__ import annotations

from datetime import datetime, timedelta

from unet_operator.failure.obstacle import Obstacle
from unet_operator.observe.objects import Job, Observed, Pod

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_UNBOUND = "unbound immediate PersistentVolumeClaims"
_PROVISIONING = timedelta(seconds=60)
"""How long a new volume may take before it is worth a word: cloud disks take half of it."""


def why_not_running(
    seen: Observed, pods: tuple[Pod, ...], job: Job | None, now: datetime
) -> Obstacle | None:
    """The first thing that keeps the pods of `job` from running, if any."""
    for pod in pods:
        obstacle = _of_pod(seen, pod, now)
        if obstacle is not None:
            return obstacle
    if job is None or job.suspended or job.complete:
        return None
    if len([p for p in pods if not p.ended]) >= job.completions or job.uid not in seen.warnings:
        return None
    return _pods_not_created(job, seen.warnings[job.uid])


def _of_pod(seen: Observed, pod: Pod, now: datetime) -> Obstacle | None:
    who = f"{pod.role} {pod.index}" if pod.index is not None else f"the {pod.role}"
    if _UNBOUND in pod.unschedulable:
        if pod.created is None or now < pod.created + _PROVISIONING:
            return None
        return Obstacle(
            "VolumeNotBound",
            f"{who} waits for a volume: a PersistentVolumeClaim of it is not bound yet; see "
            "kubectl describe pvc for what its provisioner says",
        )
    if pod.unschedulable:
        return Obstacle(
            "Unschedulable",
            f"{who} finds no node: {pod.unschedulable}; add nodes or lower resources"
            + (", or set workers.minReplicas" if pod.role == "worker" else ""),
        )
    if pod.waiting is not None:
        reason, message = pod.waiting
        if reason in _IMAGE:
            return Obstacle(
                "ImagePullFailed",
                f"{who} cannot pull its image: {message or reason}; correct spec.image, or name "
                "the registry's Secret in pods.imagePullSecrets or the chart's "
                "training.imagePullSecrets",
            )
        if reason in _CONFIG:
            return Obstacle("ContainerNotCreated", f"{who} cannot start: {message or reason}")
    if pod.starting and pod.uid in seen.warnings:
        return Obstacle("PodNotStarting", f"{who} cannot start: {seen.warnings[pod.uid]}")
    return None


def _pods_not_created(job: Job, warning: str) -> Obstacle:
    """Pods that the API server refuses show only in the Job's events."""
    if "exceeded quota" in warning:
        return Obstacle(
            "QuotaExceeded",
            f"Job {job.name} may not create its pods: {warning}; raise the ResourceQuota or "
            "ask for less",
        )
    if "PodSecurity" in warning:
        return Obstacle(
            "ForbiddenByPodSecurity",
            f"Job {job.name} may not create its pods: {warning}; the pods fit the level "
            "restricted: check the namespace's labels and webhooks that change pods",
        )
    return Obstacle("PodsNotCreated", f"Job {job.name} cannot create its pods: {warning}")
