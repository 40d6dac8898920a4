"""The attempt's ConfigMap: hostfile, the launcher's arguments, and the spec it came from."""

from __future__ import annotations

import json

from unet_operator.api import names
from unet_operator.api.manifest import Manifest
from unet_operator.build.context import Context
from unet_operator.build.launch_arguments import launch_arguments
from unet_operator.build.object_meta import object_meta


def config_map(context: Context, attempt: int, replicas: int) -> Manifest:
    """The immutable ConfigMap of an attempt."""
    training = context.training
    snapshot = training.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": object_meta(training, names.config(context.name, attempt), "config", attempt),
        "data": {
            "hostfile": hostfile(context, attempt, replicas),
            "launch.json": json.dumps(launch_arguments(context, attempt, replicas), indent=1),
            "spec.json": json.dumps(snapshot, indent=1),
        },
    }


def hostfile(context: Context, attempt: int, replicas: int) -> str:
    """One line HOST:SLOTS per worker."""
    slots = context.training.spec.workers.slots_per_worker
    hosts = (names.worker_host(context.name, attempt, i) for i in range(replicas))
    return "".join(f"{host}:{slots}\n" for host in hosts)
