"""What a kubelet writes of a pod, for hands that play one.

The same for the simulated pods of unit tests and for the pods of a real API server.
"""

from __future__ import annotations

import json

from support.operator.kubernetes.objects import Object

KILLED = 143
"""Code of a container that ended when it was told to."""


def running(pod: Object, now: str) -> Object:
    """All containers run and are ready, the init containers are done."""
    return _status(
        "Running",
        now,
        init=[_ended(box, 0, "", now) for box in _init(pod)],
        boxes=[_box(box, {"running": {"startedAt": now}}, ready=True) for box in _main(pod)],
        ready=True,
    )


def meeting(pod: Object, now: str) -> Object:
    """The init containers run, as the launcher's rendezvous does."""
    return _status(
        "Pending",
        now,
        init=[_box(box, {"running": {"startedAt": now}}, ready=False) for box in _init(pod)],
        boxes=[_waits(box, "PodInitializing") for box in _main(pod)],
        ready=False,
    )


def done(pod: Object, code: int, said: Object | None, now: str) -> Object:
    """The main containers ended with that code and these last words."""
    words = json.dumps(said or {})
    return _status(
        "Succeeded" if code == 0 else "Failed",
        now,
        init=[_ended(box, 0, "", now) for box in _init(pod)],
        boxes=[_ended(box, code, words, now) for box in _main(pod)],
        ready=False,
    )


def failed_early(pod: Object, code: int, said: Object | None, now: str) -> Object:
    """An init container ended with that code, so that no other one ever runs."""
    words = json.dumps(said or {})
    return _status(
        "Failed",
        now,
        init=[_ended(box, code, words, now) for box in _init(pod)],
        boxes=[_waits(box, "PodInitializing") for box in _main(pod)],
        ready=False,
    )


def kept_waiting(pod: Object, reason: str, message: str, now: str) -> Object:
    """A container cannot start, and says why."""
    first, *rest = [_waits(box, reason, message) for box in (*_init(pod), *_main(pod))]
    count = len(_init(pod))
    boxes = [first, *rest]
    return _status("Pending", now, init=boxes[:count], boxes=boxes[count:], ready=False)


def disrupted(status: Object, reason: str, now: str) -> Object:
    """`status` with the condition that says who took the pod away."""
    new = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": reason,
        "lastTransitionTime": now,
    }
    rest = [c for c in status.get("conditions", ()) if c["type"] != "DisruptionTarget"]
    return {**status, "conditions": [*rest, new]}


def _init(pod: Object) -> list[Object]:
    return list(pod["spec"].get("initContainers", ()))


def _main(pod: Object) -> list[Object]:
    return list(pod["spec"].get("containers", ()))


def _status(
    phase: str, now: str, *, init: list[Object], boxes: list[Object], ready: bool
) -> Object:
    value = "True" if ready else "False"
    return {
        "phase": phase,
        "startTime": now,
        "podIP": "10.203.0.1",
        "podIPs": [{"ip": "10.203.0.1"}],
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": value, "lastTransitionTime": now},
            {"type": "ContainersReady", "status": value, "lastTransitionTime": now},
        ],
        "initContainerStatuses": init,
        "containerStatuses": boxes,
    }


def _box(box: Object, state: Object, *, ready: bool) -> Object:
    return {
        "name": box["name"],
        "image": box["image"],
        "imageID": "",
        "ready": ready,
        "restartCount": 0,
        "state": state,
    }


def _waits(box: Object, reason: str, message: str = "") -> Object:
    return _box(box, {"waiting": {"reason": reason, "message": message}}, ready=False)


def _ended(box: Object, code: int, message: str, now: str) -> Object:
    state = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "message": message,
        "startedAt": now,
        "finishedAt": now,
    }
    return _box(box, {"terminated": state}, ready=False)
