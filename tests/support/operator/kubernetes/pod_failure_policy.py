"""What a Job's podFailurePolicy makes of a pod that failed.

After pod_failure_policy.go of Kubernetes 1.37: rules in their order, the first that matches
decides; a container that ended with 0 matches no rule about codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from support.operator.kubernetes.objects import Object


@dataclass(frozen=True)
class Verdict:
    """What follows from a failed pod."""

    fails_job: str = ""
    """Words of the FailJob rule that it matches, if any."""
    counts: bool = True
    """Whether it counts toward backoffLimit."""


def judge(policy: Object | None, pod: Object) -> Verdict:
    """The verdict of `policy` about a pod that failed."""
    for number, rule in enumerate(policy["rules"] if policy else ()):
        found = _matched(rule, pod)
        if found is None:
            continue
        if rule["action"] == "Ignore":
            return Verdict(counts=False)
        if rule["action"] == "FailJob":
            return Verdict(fails_job=f"{found} matching FailJob rule at index {number}")
        return Verdict()
    return Verdict()


def _matched(rule: Object, pod: Object) -> str | None:
    """What of the pod matches the rule, in words."""
    meta = pod["metadata"]
    who = f"{meta['namespace']}/{meta['name']}"
    codes = rule.get("onExitCodes")
    if codes is not None:
        for container, code in _codes(pod):
            wanted = codes.get("containerName") in (None, container)
            listed = code in codes["values"]
            if wanted and code != 0 and listed == (codes["operator"] == "In"):
                return f"Container {container} for pod {who} failed with exit code {code}"
        return None
    for pattern in rule.get("onPodConditions", ()):
        for condition in pod.get("status", {}).get("conditions", ()):
            if (condition["type"], condition["status"]) == (pattern["type"], pattern["status"]):
                return f"Pod {who} has condition {condition['type']}"
    return None


def _codes(pod: Object) -> Iterator[tuple[str, int]]:
    """(container, code) of those that ended, init containers last."""
    status = pod.get("status", {})
    for box in (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())):
        ended = box.get("state", {}).get("terminated")
        if ended is not None:
            yield box["name"], ended["exitCode"]
