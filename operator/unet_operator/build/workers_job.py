"""The workers: one Indexed Job, so that any number of pods is one write."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.manifest import Manifest
from unet_operator.build import volumes
from unet_operator.build.context import Context
from unet_operator.build.job import FAIL_AT_ONCE, job
from unet_operator.build.object_meta import object_meta
from unet_operator.build.pod import GRACE_SECONDS, container, pod_template
from unet_operator.build.ssh_secret import WORKER_KEYS, ssh_keys


def workers_job(context: Context, attempt: int, replicas: int, *, gang: bool) -> Manifest:
    """The workers' Job of an attempt: sshd in each pod, which waits for ranks."""
    training = context.training
    mounted = (
        volumes.data(context),
        volumes.output(context),
        volumes.shared_memory(training.spec.workers.slots_per_worker),
        ssh_keys(training, attempt, WORKER_KEYS),
    )
    worker = container(
        context,
        "worker",
        ["worker"],
        training.spec.workers.resources,
        [each.mount for each in mounted],
        {"UNET_GRACE_SECONDS": str(GRACE_SECONDS - 20)},
    )
    worker["ports"] = [{"name": "ssh", "containerPort": pod_paths.SSH_PORT}]
    worker["readinessProbe"] = {"tcpSocket": {"port": "ssh"}, "periodSeconds": 5}
    placing = _placing(context, attempt)
    if gang:
        placing["schedulingGroup"] = {"podGroupName": names.pod_group(context.name, attempt)}
    return job(
        object_meta(training, names.worker(context.name, attempt), "worker", attempt),
        pod_template(
            context, "worker", attempt, [worker], [each.volume for each in mounted], **placing
        ),
        completionMode="Indexed",
        completions=replicas,
        parallelism=replicas,
        backoffLimit=0,
        podReplacementPolicy="Failed",
        podFailurePolicy=FAIL_AT_ONCE,
    )


def _placing(context: Context, attempt: int) -> Manifest:
    """Where the pods are found and where they may run."""
    spec = context.training.spec.workers
    placing: Manifest = {"subdomain": names.service(context.name)}
    if spec.affinity is not None:
        placing["affinity"] = dict(spec.affinity)
    if spec.topology_key is not None:
        placing["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": spec.topology_key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": context.labels("worker", attempt)},
            }
        ]
    return placing
