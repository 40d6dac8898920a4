"""A staging, evaluation or report Job that failed: its last pod that failed tells why."""

from __future__ import annotations

from unet_operator.failure.exit_codes import failed_container, final_reason
from unet_operator.failure.failure import Failure
from unet_operator.observe.objects import Exit, Observed, Pod
from unet_operator.observe.progress import Code


def job_failure(seen: Observed, role: str, round_: int, job_message: str) -> Failure:
    """Why the Job of that role and round failed.

    Args:
        seen: what is there.
        role: stage, evaluate or report.
        round_: which evaluation; 0 for staging.
        job_message: the Job's own words, for want of a pod's.
    """
    for pod in reversed(seen.of(role, round_)):
        container = failed_container(pod)
        if container is not None:
            return _failure(role, pod, container[1])
    return Failure("Failed", job_message, final=True)


def _failure(role: str, pod: Pod, end: Exit) -> Failure:
    who = f"{role} pod {pod.index}" if pod.index is not None else f"the {role} pod"
    if end.reason == "OOMKilled" or end.code == Code.MEMORY:
        return Failure(
            "OutOfMemory",
            f"{who} ran out of memory; raise evaluation.resources.limits.memory",
            final=True,
        )
    said = end.message
    cause = said.cause or f"ended with code {end.code}"
    place = f"{said.where}: " if said.where else ""
    advice = f"; {said.remedy}" if said.remedy else f"; see kubectl logs {pod.name}"
    reason = final_reason(end.code) or "Crashed"
    return Failure(reason, f"{who}: {place}{cause}{advice}", final=True)
