"""Makers of trainings, Jobs and pods, so that a test states only what it is about."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

from unet_operator.api import names
from unet_operator.api.metadata import Metadata
from unet_operator.api.resource import UNetTraining
from unet_operator.api.spec import Spec
from unet_operator.api.status import Status
from unet_operator.lifecycle.actions import Decision
from unet_operator.lifecycle.training import decide
from unet_operator.observe.objects import Claim, Exit, Job, Observed, Pod
from unet_operator.observe.progress import LogReading, Termination

NAME, NAMESPACE, UID = "brain", "clinic", "1b6ef580-7fb9-4fe8-a680-3ee57bd6ea30"
IMAGE = "registry.example/unet:1"
OTHER_UID = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"
"""Of a namesake that was deleted before."""
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

SPEC: dict[str, object] = {
    "dataset": {"task": "Task01_BrainTumour", "volume": {"claimName": "msd"}},
    "output": {"claimName": "results"},
    "workers": {"replicas": 2},
}


def after(seconds: float) -> datetime:
    """That long after NOW."""
    return NOW + timedelta(seconds=seconds)


def spec(**changes: dict[str, object]) -> Spec:
    """The smallest spec, with whole sections replaced or extended."""
    wanted = copy.deepcopy(SPEC)
    for section, fields in changes.items():
        old = wanted.get(section)
        wanted[section] = {**old, **fields} if isinstance(old, dict) else fields
    return Spec.model_validate(wanted)


def training(
    status: Status | None = None, *, generation: int = 1, **changes: dict[str, object]
) -> UNetTraining:
    """A training with that status."""
    meta = Metadata(name=NAME, namespace=NAMESPACE, uid=UID, generation=generation)
    return UNetTraining(meta=meta, spec=spec(**changes), status=status or Status())


def claims(*modes: str, phase: str = "Bound") -> dict[str, Claim]:
    """Both claims, shared unless told otherwise."""
    wanted = modes or ("ReadWriteMany",)
    return {n: Claim(n, exists=True, modes=wanted, phase=phase) for n in ("msd", "results")}


def job(role: str, attempt: int = 1, **fields: object) -> Job:
    """A Job of the training."""
    makers = {
        "worker": names.worker,
        "launcher": names.launcher,
        "evaluate": names.evaluate,
        "report": names.report,
    }
    name = names.stage(NAME) if role == "stage" else makers[role](NAME, attempt)
    base: dict[str, object] = {
        "name": name,
        "uid": f"uid-{name}",
        "namespace": NAMESPACE,
        "training": NAME,
        "owner_uid": UID,
        "role": role,
        "attempt": attempt,
        "completions": 2 if role == "worker" else 1,
        "suspended": False,
        "active": 1,
        "created": NOW,
        "complete": False,
        "failed": "",
        "deleting": False,
    }
    return Job(**{**base, **fields})


def pod(role: str, attempt: int = 1, index: int | None = None, **fields: object) -> Pod:
    """A running pod of the training."""
    name = f"{NAME}-{role}-{attempt}-{index if index is not None else 'x'}"
    base: dict[str, object] = {
        "name": name,
        "uid": f"uid-{name}",
        "namespace": NAMESPACE,
        "training": NAME,
        "training_uid": UID,
        "role": role,
        "attempt": attempt,
        "index": index,
        "phase": "Running",
        "ready": True,
        "scheduled": True,
        "unschedulable": "",
        "node": "node-1",
        "created": NOW,
        "deleting_until": None,
        "disruption": "",
        "waiting": None,
        "exits": {},
        "running": frozenset({role}),
    }
    return Pod(**{**base, **fields})


def ended(status: int, /, *, reason: str = "", finished: datetime = NOW, **said: object) -> Exit:
    """How a container ended, with what it said."""
    return Exit(
        code=status,
        reason=reason or ("Completed" if status == 0 else "Error"),
        message=Termination.model_validate(said),
        finished=finished,
    )


def launcher_pod(attempt: int = 1, **fields: object) -> Pod:
    """A launcher whose rendezvous is over and whose mpiexec runs."""
    base: dict[str, object] = {
        "exits": {"rendezvous": ended(0)},
        "running": frozenset({"launch"}),
    }
    return pod("launcher", attempt, **{**base, **fields})


def failed_launcher(code: int, attempt: int = 1, **said: object) -> Pod:
    """A launcher whose mpiexec ended with that code."""
    return launcher_pod(
        attempt,
        phase="Failed",
        running=frozenset(),
        exits={"rendezvous": ended(0), "launch": ended(code, code=code, **said)},
    )


def seen(*things: Job | Pod, **fields: object) -> Observed:
    """An observation of those Jobs and pods, with both claims in order."""
    base: dict[str, object] = {
        "jobs": {thing.name: thing for thing in things if isinstance(thing, Job)},
        "pods": tuple(thing for thing in things if isinstance(thing, Pod)),
        "claims": claims(),
        "log": LogReading(),
    }
    return Observed(**{**base, **fields})


def two_workers(attempt: int = 1) -> tuple[Job, Pod, Pod]:
    """The workers' Job and its two pods."""
    return (
        job("worker", attempt),
        pod("worker", attempt, 0),
        pod("worker", attempt, 1),
    )


def decided(
    subject: UNetTraining, observed: Observed, now: datetime = NOW, *, has_image: bool = True
) -> Decision:
    """Decides once."""
    return decide(subject, observed, now, image=IMAGE if has_image else "")


def advanced(subject: UNetTraining, decision: Decision) -> UNetTraining:
    """The training with the decided status written."""
    return UNetTraining(meta=subject.meta, spec=subject.spec, status=decision.status)


def starting(**changes: dict[str, object]) -> UNetTraining:
    """A training whose first attempt's number is written and whose children are due."""
    subject = training(**changes)
    return advanced(subject, decided(subject, seen()))


def running(**changes: dict[str, object]) -> UNetTraining:
    """A training whose workers all answered."""
    subject = starting(**changes)
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    return advanced(subject, decided(subject, observed))


def trained(**changes: dict[str, object]) -> UNetTraining:
    """A training whose launcher is done."""
    subject = running(**changes)
    return advanced(subject, decided(subject, seen(*two_workers(), *launcher_done())))


def launcher_done(attempt: int = 1, **said: object) -> tuple[Job, Pod]:
    """A launcher that ended well."""
    done = launcher_pod(
        attempt,
        phase="Succeeded",
        running=frozenset(),
        exits={"rendezvous": ended(0), "launch": ended(0, code=0, **said)},
    )
    return job("launcher", attempt, complete=True, active=0), done
