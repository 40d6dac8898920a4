"""The launcher: an init container that meets every worker, then mpiexec."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.spec.pod_parts import Resources
from unet_operator.build import ssh, storage
from unet_operator.build.common import (
    FAIL_AT_ONCE,
    Context,
    Manifest,
    container,
    job,
    meta,
    pod_template,
)

RENDEZVOUS_SECONDS = 600
"""How long workers may take from having a node to answering, image pull included."""


def launcher(context: Context, attempt: int, replicas: int) -> Manifest:
    """The launcher's Job of an attempt."""
    training = context.training
    data, output = storage.data(context), storage.output(context)
    keys = ssh.volume(training, attempt, ssh.LAUNCHER_KEYS)
    config: Manifest = {
        "name": "config",
        "configMap": {"name": names.config(context.name, attempt)},
    }
    mounts: list[Manifest] = [
        keys[1],
        {"name": "config", "mountPath": pod_paths.CONFIG, "readOnly": True},
    ]
    wanted: Resources = training.spec.launcher.resources
    rendezvous = container(
        context,
        "rendezvous",
        [
            "rendezvous",
            "--hostfile",
            f"{pod_paths.CONFIG}/hostfile",
            "--data",
            context.data_path,
            "--output",
            context.run_folder,
            "--timeout",
            str(RENDEZVOUS_SECONDS),
        ],
        wanted,
        mounts,
    )
    # Hydra starts hosts in a tree of width 16; above that workers would have to log in to
    # workers, and they hold no key.
    flat = {"I_MPI_HYDRA_BRANCH_COUNT": str(replicas)}
    launch = container(context, "launch", ["launch"], wanted, [*mounts, data[1], output[1]], flat)
    extra: Manifest = {"initContainers": [rendezvous]}
    if context.one_node:
        extra["affinity"] = _beside_workers(context, attempt)
    return job(
        meta(training, names.launcher(context.name, attempt), "launcher", attempt),
        pod_template(
            context,
            "launcher",
            attempt,
            [launch],
            [data[0], output[0], keys[0], config],
            **extra,
        ),
        backoffLimit=0,
        podReplacementPolicy="Failed",
        podFailurePolicy=FAIL_AT_ONCE,
    )


def _beside_workers(context: Context, attempt: int) -> Manifest:
    """A ReadWriteOnce volume is on one node: the launcher goes where the worker is."""
    term: Manifest = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": context.labels("worker", attempt)},
    }
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
