"""What every pod of a training has in common, so that Pod Security `restricted` lets it pass."""

from __future__ import annotations

from collections.abc import Mapping

from unet_operator.api.manifest import Json, Manifest
from unet_operator.api.spec.pod_parts import Resources
from unet_operator.api.spec.pods import Pods
from unet_operator.api.spec.workers import Workers
from unet_operator.build.context import Context

GRACE_SECONDS = 120
"""Time to checkpoint after TERM; the image's UNET_GRACE_SECONDS is 20 s below it."""
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
TOLERATION_SECONDS = 30
"""How long a pod stays bound to a node that stopped answering (Kubernetes' default is 300)."""


def container(
    context: Context,
    name: str,
    args: list[str],
    wanted: Resources,
    mounts: list[Manifest],
    env: Mapping[str, str] | None = None,
) -> Manifest:
    """A container of the training image that Pod Security `restricted` lets pass."""
    spec = context.training.spec
    variables = {v.name: v.value for v in spec.pods.env} | dict(env or {})
    return {
        "name": name,
        "image": context.image,
        "imagePullPolicy": spec.image_pull_policy,
        "args": args,
        # `$$(` is how Kubernetes spells a literal `$(`: nothing in a user's value is expanded.
        "env": [{"name": k, "value": v.replace("$(", "$$(")} for k, v in variables.items()],
        "resources": _resources(wanted),
        "volumeMounts": [
            {"name": "home", "mountPath": "/home"},
            {"name": "tmp", "mountPath": "/tmp"},
            *mounts,
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def pod_template(
    context: Context,
    role: str,
    attempt: int,
    containers: list[Manifest],
    volumes: list[Manifest],
    **extra: Json,
) -> Manifest:
    """A pod template; `extra` are further fields of the pod's spec."""
    spec = context.training.spec
    scratch: list[Manifest] = [{"name": name, "emptyDir": {}} for name in ("home", "tmp")]
    # By name: one claim for data and output is one volume.
    by_name = {str(volume["name"]): volume for volume in (*scratch, *volumes)}
    template: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": _security_context(spec.pods),
        "tolerations": _tolerations(spec.workers),
        "containers": containers,
        "volumes": list(by_name.values()),
    }
    if spec.workers.node_selector:
        template["nodeSelector"] = dict(spec.workers.node_selector)
    # The spec's own first: a kubelet tries them in turn.
    if secrets := dict.fromkeys([*spec.pods.image_pull_secrets, *context.pull_secrets]):
        template["imagePullSecrets"] = [{"name": name} for name in secrets]
    if spec.pods.priority_class_name:
        template["priorityClassName"] = spec.pods.priority_class_name
    metadata: Manifest = {
        "labels": context.labels(role, attempt),
        # Whose log `kubectl logs` shows, without a remark that there are others.
        "annotations": {DEFAULT_CONTAINER: containers[0]["name"], **spec.pods.annotations},
    }
    return {"metadata": metadata, "spec": {**template, **extra}}


def _security_context(pods: Pods) -> Manifest:
    return {
        "runAsNonRoot": True,
        "runAsUser": pods.run_as_user,
        "runAsGroup": pods.fs_group,
        "fsGroup": pods.fs_group,
        # Without it every pod start would walk the whole data set to change its group.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _tolerations(workers: Workers) -> list[Manifest]:
    """The user's, and how long a node that stopped answering is borne."""
    asked = [t.model_dump(by_alias=True, exclude_none=True) for t in workers.tolerations]
    borne: list[Manifest] = [
        {
            "key": f"node.kubernetes.io/{taint}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": TOLERATION_SECONDS,
        }
        for taint in ("not-ready", "unreachable")
    ]
    return [*asked, *borne]


def _resources(wanted: Resources) -> Manifest:
    return {"requests": dict(wanted.requests), "limits": dict(wanted.limits)}
