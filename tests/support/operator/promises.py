"""What the operator promises whatever happens, checked at every look of a simulated life.

In terms of the API alone: what was asked of the API server, and what the status said before
and says after.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from unet_operator.api import labels as names
from unet_operator.api.status import Status

from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.requests import Request
from support.operator.kubernetes.store import Store
from support.operator.subject import parse_pod, terminal

TRAINS = ("worker", "launcher")
"""Roles of an attempt's Jobs; of its pods, those that write checkpoints."""


def made_jobs(requests: Sequence[Request]) -> list[Object]:
    """The Jobs that those requests asked for."""
    return [r.body for r in requests if (r.method, r.address.plural) == ("POST", "jobs")]


def role_of(body: Object) -> str:
    """What a Job or pod of ours is for."""
    return str(body["metadata"].get("labels", {}).get(names.LABEL_ROLE, ""))


def attempt_of(body: Object) -> int:
    """The attempt (or round) that a Job or pod of ours belongs to."""
    return int(body["metadata"].get("labels", {}).get(names.LABEL_ATTEMPT, 0))


def keep_what_is_final(before: Status, after: Status, jobs: Sequence[Object]) -> None:
    """What has ended stays as it ended; what is trained is not trained again."""
    if terminal(before) and terminal(after):
        assert not jobs, f"made {[j['metadata']['name'] for j in jobs]} after the end"
        assert after.phase == before.phase, "a terminal phase changed"
    if before.holds("Trained"):
        assert after.holds("Trained"), "forgot that it is trained"
        again = [j["metadata"]["name"] for j in jobs if role_of(j) in TRAINS]
        assert not again, f"made {again} for a network that is trained"


def write_the_attempt_first(before: Status, jobs: Sequence[Object]) -> None:
    """Children of an attempt are made once its number is in the status, not before."""
    for job in jobs:
        if role_of(job) in TRAINS:
            assert attempt_of(job) == before.attempt, "children of an attempt that is not written"


def never_two_attempts_at_once(store: Store, jobs: Sequence[Object], now: datetime) -> None:
    """New workers are made when no pod of an older attempt may still write.

    One whose node stopped answering may, and the run folder's fence is what stops it.
    """
    for job in jobs:
        if role_of(job) != "worker":
            continue
        writing = [
            pod["metadata"]["name"]
            for pod in store.all("pods")
            if role_of(pod) in TRAINS
            and attempt_of(pod) < attempt_of(job)
            and not parse_pod(pod).gone(now)
        ]
        assert not writing, f"{writing} of older attempts may still write"


def make_nothing_anew(before: Status, jobs: Sequence[Object], made: set[str]) -> None:
    """A Job of an attempt that was deleted in mid-training is not made a second time."""
    for job in jobs:
        name = job["metadata"]["name"]
        again = name in made and role_of(job) in TRAINS
        assert not (again and before.holds("WorkersReady")), f"{name} was made anew"
