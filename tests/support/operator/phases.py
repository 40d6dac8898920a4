"""Trainings brought to a phase, and what users, nodes and time do to them there."""

from __future__ import annotations

from datetime import datetime

from support.operator.kubernetes.clock import read
from support.operator.making import NAMESPACE
from support.operator.quick_life import QuickLife
from support.operator.subject import terminal

STAGED = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}
LIVE = ["Pending", "Staging", "Starting", "Training", "Restarting", "Evaluating"]
ENDED = ["Succeeded", "Failed"]
EVERY_ROLE = ("worker", "launcher", "stage", "evaluate", "report")


def reach(phase: str, **changes: object) -> QuickLife:
    """A life whose training has just come to that phase."""
    life = QuickLife(**{"dataset": STAGED, **changes})
    if phase == "Pending":
        life.remove_claim("msd")
        life.remove_claim("results")
    life.settle()
    for _ in range(40):
        now = life.status["phase"]
        if now == phase:
            return life
        if phase in ("Restarting", "Failed") and now == "Training":
            end_launcher(life, 1 if phase == "Restarting" else 10)
            life.wait(10)
        else:
            life.carry_on()
    raise AssertionError(f"never came to {phase}: {life.status}")


def end_launcher(life: QuickLife, code: int) -> None:
    """mpiexec ends with that code."""
    (pod,) = life.live("launcher")
    life.hand.end(NAMESPACE, pod["metadata"]["name"], code, {"code": code})
    life.cluster.settle()


def silence(life: QuickLife, role: str) -> None:
    """The node of one pod stops answering."""
    life.hand.silence(NAMESPACE, life.live(role)[0]["metadata"]["name"])


def policy(life: QuickLife, **fields: object) -> None:
    """A user sets runPolicy."""
    life.change(runPolicy=fields)


def moment(life: QuickLife, field: str) -> datetime:
    """A time in the status."""
    return read(life.status[field])


def over(life: QuickLife) -> bool:
    """Whether the training has ended."""
    return terminal(life.read_status())


def go_on(life: QuickLife, rounds: int = 40) -> None:
    """All goes well until the end."""
    for _ in range(rounds):
        if over(life):
            return
        life.carry_on()


def passes(life: QuickLife, times: int, seconds: float) -> None:
    """Time passes in steps."""
    for _ in range(times):
        life.settle()
        life.wait(seconds)


def writes(life: QuickLife) -> list[tuple[str, str]]:
    """What was asked of the API server besides reading."""
    return [(r.method, r.address.plural) for r in life.traffic.requests if r.method != "GET"]
