"""The stage of `lives` in memory: the operator's reconciler and a simulated cluster."""

from __future__ import annotations

from collections.abc import Callable

from support.operator.kubernetes.objects import Object, ended, going
from support.operator.making import NAME, NAMESPACE
from support.operator.quick_life import QuickLife

PATIENCE = 60
"""Looks, ten seconds apart, within which everything has happened that will."""


class SimulatedStage:
    """See support.operator.lives.Stage."""

    name = NAME

    def __init__(self) -> None:
        self._life: QuickLife | None = None
        self._works = True

    @property
    def life(self) -> QuickLife:
        """The life that is played."""
        assert self._life is not None, "nobody has applied the training yet"
        return self._life

    def apply(self) -> None:
        """See Stage."""
        self._life = QuickLife(workers={"replicas": 2})
        self._move(0)

    def to_training(self, attempt: int = 1) -> None:
        """See Stage."""
        for role, count in (("worker", 2), ("launcher", 1)):
            self.placed(role, count, attempt)
            for pod in self.pods(role, attempt):
                self.life.hand.run(NAMESPACE, pod)
        self.phase("Training")

    def placed(self, role: str, count: int, number: int = 1) -> None:
        """See Stage."""
        self.until(f"{count} {role} pods", lambda: len(self.pods(role, number)) == count)
        for pod in self.pods(role, number):
            self.life.hand.place(NAMESPACE, pod)
        self._move(0)

    def end(self, role: str, code: int = 0, number: int = 1, said: Object | None = None) -> None:
        """See Stage."""
        self.placed(role, 1, number)
        for pod in self.pods(role, number):
            self.life.hand.end(NAMESPACE, pod, code, said)
        self._move(0)

    def phase(self, *phases: str) -> Object:
        """See Stage."""
        self.until(f"it is {phases}", lambda: self.status().get("phase") in phases)
        return self.status()

    def status(self) -> Object:
        """See Stage."""
        return self.life.status

    def set(self, section: str, **fields: object) -> None:
        """See Stage."""
        old = self.life.training["spec"].get(section, {})
        self.life.change(**{section: {**old, **fields}})
        self._move(0)

    def jobs(self) -> dict[str, str]:
        """See Stage."""
        return {name: str(body["metadata"]["uid"]) for name, body in self.life.jobs().items()}

    def pods(self, role: str, number: int = 1) -> list[str]:
        """See Stage."""
        found = self.life.find_pods(role, attempt=number)
        live = [pod for pod in found if not going(pod) and not ended(pod)]
        return [str(pod["metadata"]["name"]) for pod in live]

    def events(self) -> list[str]:
        """See Stage."""
        return self.life.events()

    def kill_operator(self) -> None:
        """See Stage."""
        self._works = False

    def start_operator(self) -> None:
        """See Stage."""
        self._works = True
        self.life.restart()
        self._move(0)

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """See Stage."""
        for _ in range(PATIENCE):
            if condition():
                return
            self._move(10)
        raise AssertionError(f"never: {what}: {self.status()}")

    def _move(self, seconds: float) -> None:
        """Time passes, and whoever is alive acts."""
        if self._works:
            self.life.wait(seconds)
        else:
            self.life.cluster.advance(seconds)
