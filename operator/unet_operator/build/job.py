"""A Job, and when its pods are tried again."""

from __future__ import annotations

from unet_operator.api.manifest import Json, Manifest
from unet_operator.observe.progress import Code

_HOPELESS = [int(code) for code in (Code.USAGE, Code.DATA, Code.NAN, Code.DISK, Code.MEMORY)]
"""Exit codes that trying again cannot mend (docs/contract.md)."""

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
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [int(Code.TERMINATED)]}},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": _HOPELESS}},
    ]
}
"""Evictions and suspending cost nothing; what trying again cannot mend ends at once."""


def job(metadata: Manifest, template: Manifest, **extra: Json) -> Manifest:
    """A Job; `extra` are further fields of its spec."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": template, **extra},
    }
