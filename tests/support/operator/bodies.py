"""Makers of objects as the API server gives them, for tests of what reads them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import count

from unet_operator.api.labels import labels_of

from support.operator.kubernetes.objects import Object
from support.operator.making import NAME, NAMESPACE, SPEC, UID

_versions = count(1000)


def version() -> str:
    """A resourceVersion, higher than any before."""
    return str(next(_versions))


def spec_with(sections: Mapping[str, object]) -> Object:
    """The smallest spec, with whole sections replaced or extended."""
    wanted: Object = copy.deepcopy(SPEC)
    for section, fields in sections.items():
        old = wanted.get(section)
        wanted[section] = fields
        if isinstance(old, dict) and isinstance(fields, dict):
            wanted[section] = {**old, **fields}
    return wanted


def training_body(
    name: str = NAME,
    *,
    uid: str = UID,
    status: Object | None = None,
    at: int | None = None,
    **spec: object,
) -> Object:
    """A UNetTraining; `spec` replaces or extends sections of the smallest one."""
    return {
        "apiVersion": "unet.dev/v1alpha1",
        "kind": "UNetTraining",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "generation": 1,
            "resourceVersion": str(at) if at is not None else version(),
        },
        "spec": spec_with(spec),
        "status": status or {},
    }


def job_body(
    role: str = "worker",
    attempt: int = 1,
    *,
    name: str | None = None,
    uid: str | None = None,
    owner: str = UID,
    at: int | None = None,
    spec: Object | None = None,
    conditions: dict[str, str] | None = None,
    **meta: object,
) -> Object:
    """A Job of ours; `conditions` are true ones, with their message."""
    name = name or f"{NAME}-{role}-{attempt}"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(at) if at is not None else version(),
            "creationTimestamp": "2026-03-01T12:00:00Z",
            "labels": labels_of(NAME, owner, role, attempt),
            "ownerReferences": [
                {"kind": "UNetTraining", "name": NAME, "uid": owner, "controller": True}
            ],
            **meta,
        },
        "spec": {"completions": 2 if role == "worker" else 1, **(spec or {})},
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "reason": kind, "message": message}
                for kind, message in (conditions or {}).items()
            ]
        },
    }


def pod_body(
    role: str = "worker",
    attempt: int = 1,
    index: int | None = None,
    *,
    name: str | None = None,
    uid: str | None = None,
    owner: str = UID,
    at: int | None = None,
    node: str = "node-1",
    status: Object | None = None,
    annotations: dict[str, str] | None = None,
    **meta: object,
) -> Object:
    """A pod of ours, on a node unless that is empty."""
    name = name or f"{NAME}-{role}-{attempt}-{index if index is not None else 'x'}"
    place = {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(at) if at is not None else version(),
            "creationTimestamp": "2026-03-01T12:00:00Z",
            "labels": labels_of(NAME, owner, role, attempt),
            "annotations": {**place, **(annotations or {})},
            **meta,
        },
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Running", **(status or {})},
    }


def terminated(
    name: str,
    code: int,
    message: str = "",
    reason: str = "",
    finished: str = "2026-03-01T12:05:00Z",
) -> Object:
    """The status of a container that ended."""
    return {
        "name": name,
        "state": {
            "terminated": {
                "exitCode": code,
                "reason": reason or ("Completed" if code == 0 else "Error"),
                "message": message,
                "finishedAt": finished,
            }
        },
    }


def waiting(name: str, reason: str, message: str = "") -> Object:
    """The status of a container that has not started."""
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


def running(name: str) -> Object:
    """The status of a container that runs."""
    return {"name": name, "state": {"running": {"startedAt": "2026-03-01T12:01:00Z"}}}


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Object:
    """A pod's condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def config_map(name: str, **fields: object) -> Object:
    """The plainest object there is."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, **fields},
        "data": {"a": "1"},
    }
