"""What every object and every pod of a training has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unet_operator.api import pod_paths
from unet_operator.api.labels import labels_of
from unet_operator.api.resource import UNetTraining
from unet_operator.api.schema import API_VERSION, KIND
from unet_operator.api.spec.pod_parts import Resources

Manifest = dict[str, object]
"""An object as the API server takes it."""

GRACE_SECONDS = 120
"""Time to checkpoint after TERM; the image's UNET_GRACE_SECONDS is 20 s below it."""
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
TOLERATION_SECONDS = 30
"""How long a pod stays bound to a node that stopped answering (Kubernetes' default is 300)."""


@dataclass(frozen=True)
class Context:
    """A training with what its pods need to know beyond the spec."""

    training: UNetTraining
    image: str
    one_node: bool = False
    """Whether a claim can be mounted on one node only."""

    @property
    def name(self) -> str:
        """The training's name."""
        return self.training.name

    def labels(self, role: str, attempt: int) -> dict[str, str]:
        """Labels of the training's pods of that role and attempt (or round)."""
        return labels_of(self.name, self.training.meta.uid, role, attempt)

    @property
    def run_folder(self) -> str:
        """Path of the run folder in a pod."""
        return pod_paths.run_folder(self.name, self.training.meta.uid)

    def evaluation_folder(self, round_: int) -> str:
        """Path of a round's predictions and report in a pod."""
        return pod_paths.evaluation_folder(self.name, self.training.meta.uid, round_)

    @property
    def data_path(self) -> str:
        """Path of the task's folder in a pod."""
        return f"{pod_paths.DATA}/{self.training.spec.dataset.task}"


def owner(training: UNetTraining) -> Manifest:
    """The reference that lets garbage collection remove a child with its training."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": training.name,
        "uid": training.meta.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def meta(training: UNetTraining, name: str, role: str, attempt: int | None = None) -> Manifest:
    """Metadata of a child."""
    return {
        "name": name,
        "namespace": training.meta.namespace,
        "labels": labels_of(training.name, training.meta.uid, role, attempt),
        "ownerReferences": [owner(training)],
    }


def resources(wanted: Resources) -> Manifest:
    """A container's resources."""
    return {"requests": dict(wanted.requests), "limits": dict(wanted.limits)}


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
        "resources": resources(wanted),
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
    **extra: object,
) -> Manifest:
    """A pod template; `extra` are further fields of the pod's spec."""
    spec = context.training.spec
    user, group = spec.pods.run_as_user, spec.pods.fs_group
    own: list[Manifest] = [{"name": name, "emptyDir": {}} for name in ("home", "tmp")]
    template: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": group,
            "fsGroup": group,
            # Without it every pod start would walk the whole data set to change its group.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [
            *(t.model_dump(by_alias=True, exclude_none=True) for t in spec.workers.tolerations),
            *(
                {
                    "key": f"node.kubernetes.io/{taint}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": TOLERATION_SECONDS,
                }
                for taint in ("not-ready", "unreachable")
            ),
        ],
        "containers": containers,
        "volumes": list({str(volume["name"]): volume for volume in (*own, *volumes)}.values()),
    }
    if spec.workers.node_selector:
        template["nodeSelector"] = dict(spec.workers.node_selector)
    if spec.pods.image_pull_secrets:
        template["imagePullSecrets"] = [{"name": n} for n in spec.pods.image_pull_secrets]
    if spec.pods.priority_class_name:
        template["priorityClassName"] = spec.pods.priority_class_name
    metadata: Manifest = {
        "labels": context.labels(role, attempt),
        # Whose log `kubectl logs` shows, without a remark that there are others.
        "annotations": {DEFAULT_CONTAINER: containers[0]["name"], **spec.pods.annotations},
    }
    return {"metadata": metadata, "spec": {**template, **extra}}


def job(metadata: Manifest, template: Manifest, **extra: object) -> Manifest:
    """A Job; `extra` are further fields of its spec."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": template, **extra},
    }


FAIL_AT_ONCE: Manifest = {
    "rules": [
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
    ]
}
"""No pod of an attempt is ever replaced: the attempt ends and the next one begins."""

RETRY_CRASHES: Manifest = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [143]}},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2, 10, 11, 12, 14]}},
    ]
}
"""Evictions and suspending cost nothing.

What trying again cannot mend (docs/contract.md) ends at once.
"""
