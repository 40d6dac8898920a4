"""Why an attempt ended, read from exit codes and from what befell its worker pods.

Exit codes are the contract (docs/contract.md).  mpiexec learns of a lost worker only as a
broken connection, so what the pods say wins over the launcher's 13, 143 or crash, and never
over the codes that name the fault themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unet_operator.observe.objects import Exit, Observed, Pod
from unet_operator.observe.progress import Code

FINAL = {
    Code.USAGE: "UsageError",
    Code.DATA: "BadData",
    Code.NAN: "NotANumber",
    Code.DISK: "DiskFull",
}
_REMEDY = {
    Code.USAGE: "correct spec.training, spec.mpi or the data set's fields",
    Code.DATA: "repair the data set",
    Code.NAN: "lower training.learningRate or use precision float32",
    Code.DISK: "free space on the output claim or enlarge it",
}
_DISRUPTIONS = {
    "PreemptionByScheduler": ("WorkerPreempted", "was preempted by a pod of higher priority"),
    "EvictionByEvictionAPI": ("WorkerEvicted", "was evicted, as by kubectl drain"),
    "DeletionByTaintManager": ("WorkerEvicted", "was evicted by a taint of its node"),
    "TerminationByKubelet": ("WorkerEvicted", "was evicted by its node"),
    "DeletionByPodGC": ("NodeLost", "was on a node that is gone"),
}


@dataclass(frozen=True)
class Cause:
    """Why an attempt ended and what that means for the next one."""

    reason: str
    message: str
    final: bool = False
    counted: bool = True
    memory: bool = False


def lost_worker(workers: tuple[Pod, ...]) -> Cause | None:
    """Why a worker is gone or going, while it should be serving ranks.

    A Job that has failed deletes the pods it has left, so that one is being deleted explains
    nothing as long as another has a fault of its own.
    """
    causes = [cause for pod in workers if (cause := _loss(pod)) is not None]
    return min(causes, key=lambda cause: cause.reason == "WorkerDeleted", default=None)


def _loss(pod: Pod) -> Cause | None:
    who = f"worker {pod.index}"
    disrupted = _disruption(pod)
    if disrupted is not None:
        reason, what = disrupted
        return Cause(reason, f"{who} {what}", counted=False)
    ended = pod.exits.get("worker")
    if ended and ended.reason == "OOMKilled":
        return Cause("WorkerOutOfMemory", f"{who} ran out of memory", memory=True)
    if pod.deleting_until is not None:
        return Cause("WorkerDeleted", f"{who} was deleted", counted=False)
    if pod.ended:
        said = f": {ended.message.cause}" if ended and ended.message.cause else ""
        code = f" with code {ended.code}" if ended else ""
        return Cause("WorkerFailed", f"{who} ended{code}{said}")
    return None


def _disruption(pod: Pod | None) -> tuple[str, str] | None:
    """(reason, what befell the pod) if the cluster took it away."""
    if pod is None:
        return None
    if pod.silent and pod.disruption == "DeletionByTaintManager":
        return "NodeLost", "was on a node that stopped answering"
    return _DISRUPTIONS.get(pod.disruption)


def launcher_failure(pod: Pod | None, job_message: str) -> Cause:
    """Why the launcher's Job failed."""
    ended = _ending(pod)
    disrupted = _disruption(pod)
    evicted = disrupted and Cause("LauncherEvicted", f"the launcher {disrupted[1]}", counted=False)
    if ended is None:
        return evicted or Cause("LauncherLost", f"the launcher's pod is gone ({job_message})")
    container, end = ended
    said = end.message
    cause = said.cause or f"the launcher ended with code {end.code}"
    place = f"{said.where}: " if said.where and said.where not in cause else ""
    code = said.code if said.code else end.code
    if end.reason == "OOMKilled":
        # The launcher itself, not a rank: less batch would not help.
        return Cause(
            "LauncherOutOfMemory",
            f"the launcher's container {container} ran out of memory; raise "
            "launcher.resources.limits.memory",
        )
    if code in FINAL:
        remedy = said.remedy or _REMEDY[Code(code)]
        return Cause(FINAL[Code(code)], f"{place}{cause}; {remedy}", final=True)
    who = f"rank {said.rank}: " if said.rank is not None and "rank" not in cause else ""
    if code == Code.MEMORY:
        return Cause("OutOfMemory", f"{who}{cause}", counted=False, memory=True)
    if evicted is not None:
        return evicted
    if container == "rendezvous":
        return Cause("WorkersUnreachable", f"{place}{cause}")
    if code == Code.PEER_LOST:
        # What mpiexec sees of a lost node, long before Kubernetes does.
        return Cause("PeerLost", f"{who}{cause}", counted=False)
    if code == Code.TERMINATED:
        said_so = "the launcher was terminated after a checkpoint"
        return Cause("Terminated", said_so, counted=False)
    return Cause("Crashed", f"{who}{cause}")


def names_itself(cause: Cause) -> bool:
    """Whether the launcher's code says all, so that no lost worker can explain it better."""
    return cause.final or cause.memory


def finished_at(pod: Pod | None) -> datetime | None:
    """When the launcher's pod ended, if its containers say."""
    ended = _ending(pod)
    return ended[1].finished if ended else None


def shard_failure(seen: Observed, role: str, round_: int, job_message: str) -> Cause:
    """Why an evaluation, report or staging Job failed: its last pod that failed tells."""
    for pod in reversed(seen.of(role, round_)):
        ended = _ending(pod)
        if ended is None:
            continue
        _, end = ended
        who = f"{role} pod {pod.index}" if pod.index is not None else f"the {role} pod"
        if end.reason == "OOMKilled" or end.code == Code.MEMORY:
            return Cause(
                "OutOfMemory",
                f"{who} ran out of memory; raise evaluation.resources.limits.memory",
                final=True,
            )
        said = end.message
        cause = said.cause or f"ended with code {end.code}"
        place = f"{said.where}: " if said.where else ""
        remedy = f"; {said.remedy}" if said.remedy else f"; see kubectl logs {pod.name}"
        reason = FINAL.get(end.code, "Crashed")
        return Cause(reason, f"{who}: {place}{cause}{remedy}", final=True)
    return Cause("Failed", job_message, final=True)


def _ending(pod: Pod | None) -> tuple[str, Exit] | None:
    if pod is None:
        return None
    bad = [(name, end) for name, end in pod.exits.items() if end.code != 0]
    return bad[0] if bad else None
