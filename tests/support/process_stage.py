"""The stage of `lives` upon a real API server: the operator's process and a hand node."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from support.cluster_fixtures import Kubectl
from support.operator.kubernetes.objects import Object
from support.operator.subject import parse_job
from support.operator_process import OperatorProcess


class Ground(Protocol):
    """A namespace for trainings with a hand node, as tests/integration/operator has it."""

    kubectl: Kubectl

    def apply(self, name: str, **options: object) -> None:
        """A user applies a training."""

    def to_training(self, name: str, attempt: int = 1) -> None:
        """All workers answer, and mpiexec runs."""

    def placed(self, name: str, role: str, count: int = 1, attempt: int = 1) -> list[str]:
        """Waits until the hand node has so many of its pods."""

    def end(
        self, name: str, role: str, code: int = 0, number: int = 1, said: Object | None = None
    ) -> None:
        """A pod of that role ends."""

    def phase(self, name: str, *phases: str, seconds: float = 180) -> Object:
        """Waits for one of the phases, and returns the status."""

    def status(self, name: str) -> Object:
        """The status."""

    def pods(self, name: str, role: str, attempt: int = 1) -> list[str]:
        """Names of its pods that are not going."""

    def events(self, name: str) -> list[Object]:
        """Events about it."""


@dataclass
class ProcessStage:
    """The stage of `lives` upon a real API server: see support.operator.lives.Stage."""

    ground: Ground
    operator: OperatorProcess
    name: str

    def apply(self) -> None:
        """See Stage."""
        self.ground.apply(self.name)

    def to_training(self, attempt: int = 1) -> None:
        """See Stage."""
        self.ground.to_training(self.name, attempt)

    def placed(self, role: str, count: int, number: int = 1) -> None:
        """See Stage."""
        self.ground.placed(self.name, role, count, number)

    def end(self, role: str, code: int = 0, number: int = 1, said: Object | None = None) -> None:
        """See Stage."""
        self.ground.end(self.name, role, code, number, said)
        job = f"{self.name}-{role}-{number}"
        self.until(f"{job} has ended", lambda: self._ended(job))

    def _ended(self, job: str) -> bool:
        """Whether the Job controller has seen the end, for an operator that is dead cannot."""
        return parse_job(self.ground.kubectl.get("job", job)).active == 0

    def phase(self, *phases: str) -> Object:
        """See Stage."""
        return self.ground.phase(self.name, *phases)

    def status(self) -> Object:
        """See Stage."""
        return self.ground.status(self.name)

    def set(self, section: str, **fields: object) -> None:
        """See Stage."""
        patch = json.dumps({"spec": {section: fields}})
        self.ground.kubectl("patch", "unet", self.name, "--type=merge", "-p", patch)

    def jobs(self) -> dict[str, str]:
        """See Stage."""
        found = self.ground.kubectl.get("jobs", "-l", f"unet.dev/training={self.name}")["items"]
        return {body["metadata"]["name"]: body["metadata"]["uid"] for body in found}

    def pods(self, role: str, number: int = 1) -> list[str]:
        """See Stage."""
        return self.ground.pods(self.name, role, number)

    def events(self) -> list[str]:
        """See Stage."""
        return [event["reason"] for event in self.ground.events(self.name)]

    def kill_operator(self) -> None:
        """See Stage."""
        self.operator.kill()

    def start_operator(self) -> None:
        """See Stage."""
        self.operator.start()

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """See Stage."""
        self.ground.kubectl.wait_until(what, condition, 180)
