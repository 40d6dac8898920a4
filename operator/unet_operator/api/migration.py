"""Statuses of release 0.1.0, read so that an upgrade of the operator loses nothing.

That release kept three facts elsewhere: a lost worker in the reason of WorkersReady, the size
of a smaller attempt in `replicas` beside the reason NotEnoughRoom, and the number of the last
evaluation in the name of its report's Job.  Since then each has a field of its own, which is
always written together with what it was read from; so a missing field tells an old status, or
one that a CRD of that release has pruned.
"""

from __future__ import annotations

import re

from unet_operator.api.status import LastFailure, Status

_UNCOUNTED = {"WorkerPreempted", "WorkerEvicted", "NodeLost", "WorkerDeleted"}
_LOST = {*_UNCOUNTED, "WorkerOutOfMemory", "WorkerFailed"}
_ANNOUNCED = {"WorkerPreempted", "WorkerEvicted", "WorkerDeleted"}
_RESULTS = re.compile(r"job/.+-report-([0-9]{1,9})")


def migrated(status: Status) -> Status:
    """The status with the fields that release 0.1.0 did not have; a newer one as it is."""
    added: dict[str, object] = {}
    if status.last_failure is None:
        added["last_failure"] = _last_failure(status)
    if status.reduced_replicas is None and status.reason("WorkersReady") == "NotEnoughRoom":
        added["reduced_replicas"] = status.replicas
    if status.evaluation_round is None:
        added["evaluation_round"] = _evaluation_round(status)
    return status.model_copy(update=added)


def _last_failure(status: Status) -> LastFailure | None:
    """The lost worker of the present attempt, as the condition WorkersReady told it."""
    condition = status.condition("WorkersReady")
    if condition is None or condition.status == "True" or condition.reason not in _LOST:
        return None
    return LastFailure(
        attempt=status.attempt,
        reason=condition.reason,
        message=condition.message,
        time=condition.last_transition_time,
        counted=condition.reason not in _UNCOUNTED,
        memory=condition.reason == "WorkerOutOfMemory",
        announced=condition.reason in _ANNOUNCED,
    )


def _evaluation_round(status: Status) -> int | None:
    """The number at the end of the report's name: job/NAME-report-ROUND."""
    if status.evaluation is not None and status.evaluation.round:
        return status.evaluation.round
    results = status.logs.results if status.logs else None
    named = _RESULTS.fullmatch(results or "")
    return int(named[1]) if named else None
