"""What holds between any two things that may happen to a training."""

from __future__ import annotations

from hypothesis.stateful import RuleBasedStateMachine, invariant

from support.operator.kubernetes.objects import Object, controller_of
from support.operator.promises import attempt_of, role_of
from support.operator.quick_life import QuickLife
from support.operator.subject import Status, phase, terminal

EVERY_ROLE = ("worker", "launcher", "stage", "evaluate", "report")


class Invariants(RuleBasedStateMachine):
    """A life that is played, and what holds at every moment of it."""

    life: QuickLife
    policy: Object
    """runPolicy as the user set it when applying."""

    def status(self) -> Status:
        """The status, as the operator reads it."""
        return self.life.read_status()

    @invariant()
    def the_phase_follows_from_the_conditions(self) -> None:
        """No phase is ever set by hand."""
        status = self.status()
        assert status.phase in (None, phase(status))

    @invariant()
    def it_has_ended_or_waits_for_something_with_a_name(self) -> None:
        """Never silent: a message, and a time to look again or an end."""
        status = self.status()
        if status.phase is None or terminal(status):
            return
        assert status.message, f"silent in {status.phase}"
        waits_for_the_user = status.phase == "Suspended"
        assert waits_for_the_user or self.life.wake is not None

    @invariant()
    def at_most_one_attempt_trains(self) -> None:
        """Launchers of two attempts never run together."""
        assert len({attempt_of(pod) for pod in self.life.live("launcher")}) <= 1

    @invariant()
    def what_is_suspended_runs_nothing(self) -> None:
        """Suspended is said when the last pod has ended, not when the first was told to.

        Pods whose Job somebody deleted meanwhile are the garbage collector's.
        """
        if self.status().phase == "Suspended":
            jobs = {job["metadata"]["uid"] for job in self.life.jobs().values()}
            assert not [p for p in self.life.live(*EVERY_ROLE) if controller_of(p) in jobs]

    @invariant()
    def what_the_api_server_refuses_is_told(self) -> None:
        """In a condition and an event, not only in a log."""
        status = self.status()
        if "exceeds the namespace's quota" in status.message:
            assert "QuotaExceeded" in {c.reason for c in status.conditions}
            assert "QuotaExceeded" in self.life.events()

    @invariant()
    def failures_stay_within_the_limit(self) -> None:
        """The count never exceeds the limit by more than the failure that ended it."""
        status = self.status()
        limit = self.policy["backoffLimit"]
        assert status.failures <= limit + 1
        assert status.failures <= limit or terminal(status)

    @invariant()
    def every_job_belongs_to_one_attempt_and_is_there_once(self) -> None:
        """No twin: of each role and attempt there is one Job."""
        jobs = [(role_of(job), attempt_of(job)) for job in self.life.jobs().values()]
        assert len(jobs) == len(set(jobs))
