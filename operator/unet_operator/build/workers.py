"""The workers: one Indexed Job, so that any number of pods is one write."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.build import ssh, storage
from unet_operator.build.common import (
    FAIL_AT_ONCE,
    GRACE_SECONDS,
    Context,
    Manifest,
    container,
    job,
    meta,
    pod_template,
)


def workers(context: Context, attempt: int, replicas: int, *, gang: bool) -> Manifest:
    """The workers' Job of an attempt: sshd in each pod, which waits for ranks."""
    training = context.training
    spec = training.spec.workers
    parts = (
        storage.data(context),
        storage.output(context),
        storage.shared_memory(spec.slots_per_worker),
        ssh.volume(training, attempt, ssh.WORKER_KEYS),
    )
    volumes, mounts = [v for v, _ in parts], [m for _, m in parts]
    box = container(
        context,
        "worker",
        ["worker"],
        spec.resources,
        mounts,
        {"UNET_GRACE_SECONDS": str(GRACE_SECONDS - 20)},
    )
    box["ports"] = [{"name": "ssh", "containerPort": pod_paths.SSH_PORT}]
    box["readinessProbe"] = {"tcpSocket": {"port": "ssh"}, "periodSeconds": 5}
    extra: Manifest = {"subdomain": names.service(context.name)}
    if spec.affinity is not None:
        extra["affinity"] = dict(spec.affinity)
    if spec.topology_key is not None:
        extra["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": spec.topology_key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": context.labels("worker", attempt)},
            }
        ]
    if gang:
        extra["schedulingGroup"] = {"podGroupName": names.pod_group(context.name, attempt)}
    return job(
        meta(training, names.worker(context.name, attempt), "worker", attempt),
        pod_template(context, "worker", attempt, [box], volumes, **extra),
        completionMode="Indexed",
        completions=replicas,
        parallelism=replicas,
        backoffLimit=0,
        podReplacementPolicy="Failed",
        podFailurePolicy=FAIL_AT_ONCE,
    )
