"""A failed launcher: why, read from its exit code and from what befell its pod.

mpiexec learns of a lost worker only as a broken connection, so what the pods say wins over
the launcher's 13, 143 or crash, and never over the codes that name the fault themselves.
"""

from __future__ import annotations

from datetime import datetime

from unet_operator.failure.disruption import disruption
from unet_operator.failure.exit_codes import failed_container, final_reason, remedy
from unet_operator.failure.failure import Failure
from unet_operator.observe.objects import Exit, Pod
from unet_operator.observe.progress import Code


def launcher_failure(pod: Pod | None, job_message: str) -> Failure:
    """Why the launcher ended.

    Args:
        pod: the launcher's newest pod, if there is one left.
        job_message: the Job's own words, for want of the pod's.
    """
    disrupted = disruption(pod)
    evicted = None
    if disrupted is not None:
        evicted = Failure("LauncherEvicted", f"the launcher {disrupted[1]}", counted=False)
    ended = failed_container(pod)
    if ended is None:
        return evicted or Failure("LauncherLost", f"the launcher's pod is gone ({job_message})")
    container, end = ended
    return _names_the_fault(container, end) or evicted or _unexplained(container, end)


def deleted_launchers_job() -> Failure:
    """Why an attempt ends whose launcher's Job is gone."""
    return Failure("LauncherDeleted", "the launcher's Job was deleted", counted=False)


def names_itself(failure: Failure) -> bool:
    """Whether the launcher's code says all, so that no lost worker can explain it better."""
    return failure.final or failure.memory


def finished_at(pod: Pod | None) -> datetime | None:
    """When the launcher's pod ended, if its containers say."""
    ended = failed_container(pod)
    return ended[1].finished if ended else None


def _names_the_fault(container: str, end: Exit) -> Failure | None:
    """The failure when the code says what was wrong, whatever became of the pod."""
    if end.reason == "OOMKilled":
        # The launcher itself, not a rank: less batch would not help.
        return Failure(
            "LauncherOutOfMemory",
            f"the launcher's container {container} ran out of memory; raise "
            "launcher.resources.limits.memory",
        )
    code = _code(end)
    final = final_reason(code)
    if final is not None:
        advice = end.message.remedy or remedy(code)
        return Failure(final, f"{_place(end)}{_cause(end)}; {advice}", final=True)
    if code == Code.MEMORY:
        return Failure("OutOfMemory", f"{_rank(end)}{_cause(end)}", counted=False, memory=True)
    return None


def _unexplained(container: str, end: Exit) -> Failure:
    """The failure when a worker that is gone may explain it better."""
    if container == "rendezvous":
        return Failure("WorkersUnreachable", f"{_place(end)}{_cause(end)}")
    code = _code(end)
    if code == Code.PEER_LOST:
        # What mpiexec sees of a lost node, long before Kubernetes does.
        return Failure("PeerLost", f"{_rank(end)}{_cause(end)}", counted=False)
    if code == Code.TERMINATED:
        said_so = "the launcher was terminated after a checkpoint"
        return Failure("Terminated", said_so, counted=False)
    return Failure("Crashed", f"{_rank(end)}{_cause(end)}")


def _code(end: Exit) -> int:
    return end.message.code or end.code


def _cause(end: Exit) -> str:
    return end.message.cause or f"the launcher ended with code {end.code}"


def _place(end: Exit) -> str:
    where = end.message.where
    return f"{where}: " if where and where not in _cause(end) else ""


def _rank(end: Exit) -> str:
    rank = end.message.rank
    return f"rank {rank}: " if rank is not None and "rank" not in _cause(end) else ""
