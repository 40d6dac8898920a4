"""Lives of a training, each told once and played on two stages.

On a simulated cluster by tests/unit/operator/loop/test_lives.py, and by the operator's own
process against a real API server by tests/integration/operator/test_process_life.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from support.operator.kubernetes.objects import Object

TRAINED: Object = {
    "kind": "train",
    "code": 0,
    "epoch": 40,
    "epochs": 40,
    "loss": 0.2,
    "validationDice": 0.85,
}
"""The launcher's last words."""
REPORT: Object = {
    "kind": "report",
    "code": 0,
    "cases": 36,
    "meanDice": 0.861,
    "meanDiceInterval": [0.83, 0.89],
    "dicePerRegion": {"whole-tumour": 0.861},
    "hd95": 6.2,
    "report": "report.html",
}
"""The report's."""


class Stage(Protocol):
    """One training, an operator that can be killed, and the hand of the nodes."""

    name: str

    def apply(self) -> None:
        """A user applies a training of two workers."""

    def to_training(self, attempt: int = 1) -> None:
        """All workers answer, and mpiexec runs."""

    def placed(self, role: str, count: int, number: int = 1) -> None:
        """So many pods of that role have a node."""

    def end(self, role: str, code: int = 0, number: int = 1, said: Object | None = None) -> None:
        """A pod of that role, once it is there, ends with that code and these last words."""

    def phase(self, *phases: str) -> Object:
        """The status, once the training is in one of these phases."""

    def status(self) -> Object:
        """The status."""

    def set(self, section: str, **fields: object) -> None:
        """A user sets fields in a section of the spec."""

    def jobs(self) -> dict[str, str]:
        """Its Jobs: {name: uid}."""

    def pods(self, role: str, number: int = 1) -> list[str]:
        """Names of its pods of that role which nobody has told to go."""

    def events(self) -> list[str]:
        """Reasons of the events about it."""

    def kill_operator(self) -> None:
        """The operator dies without a word."""

    def start_operator(self) -> None:
        """It comes back and knows nothing but what the API server says."""

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """Returns once `condition()` is true; fails with `what` if it never is."""


def to_the_end(stage: Stage, attempt: int = 1) -> Object:
    """From mpiexec to the Dice table."""
    stage.end("launcher", 0, attempt, TRAINED)
    stage.end("evaluate")
    stage.end("report", said=REPORT)
    return stage.phase("Succeeded")


def from_apply_to_the_dice_table(stage: Stage) -> None:
    """The straight path, with all that it leaves behind."""
    name = stage.name
    stage.apply()
    stage.to_training()
    assert stage.status()["workers"] == "2/2"
    status = to_the_end(stage)
    assert status["dice"] == 0.861
    assert status["evaluation"]["cases"] == 36
    assert status["training"]["epoch"] == 40
    assert status["message"].startswith("mean Dice 0.8610 over 36 cases")
    assert status["logs"] == {
        "launcher": f"job/{name}-launcher-1",
        "results": f"job/{name}-report-1",
    }
    roles = ("worker", "launcher", "evaluate", "report")
    assert set(stage.jobs()) == {f"{name}-{role}-1" for role in roles}
    stage.until("its workers have gone", lambda: not stage.pods("worker"))
    wanted = ["AttemptStarted", "Succeeded", "Trained", "WorkersReady"]
    assert sorted(stage.events()) == wanted


def killed_and_restarted(stage: Stage, phase: str) -> None:
    """An operator that dies in mid-life goes on where it was and makes nothing anew."""
    stage.apply()
    stage.placed("worker", 2)
    if phase != "Starting":
        stage.to_training()
    if phase == "Evaluating":
        stage.end("launcher", said=TRAINED)
        stage.placed("evaluate", 1)
    stage.kill_operator()
    before = stage.jobs()
    stage.start_operator()
    if phase == "Starting":
        stage.to_training()
    if phase != "Evaluating":
        stage.end("launcher", said=TRAINED)
    stage.end("evaluate")
    stage.end("report", said=REPORT)
    status = stage.phase("Succeeded")
    assert (status["attempt"], status["failures"]) == (1, 0)
    after = stage.jobs()
    assert {job: after[job] for job in before} == before, "a Job was made anew"
    assert len(stage.events()) == len(set(stage.events())), stage.events()


def what_happened_while_no_operator_ran_is_found_out(stage: Stage) -> None:
    """A launcher that crashed unseen is a failed attempt like any other."""
    stage.apply()
    stage.to_training()
    stage.kill_operator()
    stage.end("launcher", 1, said={"cause": "segmentation fault"})
    stage.start_operator()
    stage.until("a second attempt", lambda: stage.status().get("attempt") == 2)
    assert stage.status()["failures"] == 1
    stage.to_training(2)
    to_the_end(stage, 2)


def suspended_resumed_and_evaluated_again(stage: Stage) -> None:
    """A pause costs an attempt and no failure; a higher round scores once more."""
    stage.apply()
    stage.to_training()
    stage.set("runPolicy", suspend=True)
    status = stage.phase("Suspended")
    assert not stage.pods("worker")
    assert not stage.pods("launcher")
    assert "workers" not in status
    stage.set("runPolicy", suspend=False)
    stage.to_training(2)
    status = to_the_end(stage, 2)
    assert (status["attempt"], status["failures"]) == (2, 0)
    stage.set("evaluation", round=2)
    stage.end("evaluate", number=2)
    stage.end("report", number=2, said={**REPORT, "meanDice": 0.9})
    stage.until("the second score is there", lambda: stage.status().get("dice") == 0.9)
