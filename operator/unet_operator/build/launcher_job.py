"""The launcher: an init container that meets every worker, then mpiexec."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.manifest import Manifest
from unet_operator.build import volumes
from unet_operator.build.context import Context
from unet_operator.build.job import FAIL_AT_ONCE, job
from unet_operator.build.object_meta import object_meta
from unet_operator.build.pod import container, pod_template
from unet_operator.build.ssh_secret import LAUNCHER_KEYS, ssh_keys
from unet_operator.build.volumes import Mounted

RENDEZVOUS_SECONDS = 600
"""How long workers may take from having a node to answering, image pull included."""


def launcher_job(context: Context, attempt: int) -> Manifest:
    """The launcher's Job of an attempt."""
    training = context.training
    data, output = volumes.data(context), volumes.output(context)
    keys, config = ssh_keys(training, attempt, LAUNCHER_KEYS), _config(context, attempt)
    mounts = [keys.mount, config.mount]
    resources = training.spec.launcher.resources
    meeting = ["rendezvous", *_rendezvous_arguments(context)]
    rendezvous = container(context, "rendezvous", meeting, resources, mounts)
    launch = container(
        context, "launch", ["launch"], resources, [*mounts, data.mount, output.mount]
    )
    extra: Manifest = {"initContainers": [rendezvous]}
    if context.one_node:
        extra["affinity"] = _beside_workers(context, attempt)
    all_volumes = [data.volume, output.volume, keys.volume, config.volume]
    return job(
        object_meta(training, names.launcher(context.name, attempt), "launcher", attempt),
        pod_template(context, "launcher", attempt, [launch], all_volumes, **extra),
        backoffLimit=0,
        podReplacementPolicy="Failed",
        podFailurePolicy=FAIL_AT_ONCE,
    )


def _rendezvous_arguments(context: Context) -> list[str]:
    """The hosts to meet, and the paths that ranks will need."""
    options = {
        "--hostfile": f"{pod_paths.CONFIG}/hostfile",
        "--data": context.data_path,
        "--output": context.run_folder,
        "--timeout": str(RENDEZVOUS_SECONDS),
    }
    return [word for pair in options.items() for word in pair]


def _config(context: Context, attempt: int) -> Mounted:
    """The attempt's ConfigMap."""
    return Mounted(
        {"name": "config", "configMap": {"name": names.config(context.name, attempt)}},
        {"name": "config", "mountPath": pod_paths.CONFIG, "readOnly": True},
    )


def _beside_workers(context: Context, attempt: int) -> Manifest:
    """A ReadWriteOnce volume is on one node: the launcher goes where the worker is."""
    term: Manifest = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": context.labels("worker", attempt)},
    }
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
