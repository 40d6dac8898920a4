"""A world that does what a decision asks and what Kubernetes would do with it, in memory.

Only as much of Jobs as the operator leans on: pods appear, run, end, are deleted; a Job with
backoffLimit 0 fails with its first pod; suspending removes pods, and may fail an attempt's Job
by that.
tests/integration/operator checks the same statements against real Jobs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import Plan
from unet_operator.failure.obstacle import Obstacle
from unet_operator.lifecycle.actions import (
    Action,
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateReport,
    CreateStage,
    CreateWorkers,
    Decision,
    DeleteJob,
    DeleteTraining,
    SuspendJob,
)
from unet_operator.lifecycle.phase import terminal
from unet_operator.lifecycle.refused_object import with_refusal
from unet_operator.observe.objects import Claim, Job, Observed, Pod
from unet_operator.observe.progress import LogReading

from support.operator.making import NAME, NOW, claims, decided, ended, job, launcher_pod, pod

PLAN = Plan(patch_size="64,64,64", batch_size=2, global_batch_size=4)
NO_ROOM = Obstacle("QuotaExceeded", "no room")
CREATES = (CreateStage, CreateWorkers, CreateLauncher, CreateEvaluate, CreateReport)


class World:
    """Jobs, pods, claims, a clock, and one training."""

    def __init__(self, subject: UNetTraining) -> None:
        self.training = subject
        self.now: datetime = NOW
        self.jobs: dict[str, Job] = {}
        self.pods: dict[str, Pod] = {}
        self.claims: dict[str, Claim] = claims()
        self.created: list[str] = []
        self.deleted = False
        self.refusing = False
        """Whether the API server refuses what is new, as for want of quota."""
        self.last: Decision | None = None
        self.told: list[str] = []
        """Reasons of the events so far."""

    def observed(self) -> Observed:
        """What the operator would see."""
        trains = any("launch" in pod.running for pod in self.pods.values())
        return Observed(
            jobs=dict(self.jobs),
            pods=tuple(self.pods.values()),
            claims=dict(self.claims),
            log=LogReading(plan=PLAN if trains else None),
        )

    def reconcile(self, *, write: bool = True) -> Decision:
        """Looks once; `write` is whether the status reaches the API server."""
        before = self.training.status
        decision = decided(self.training, self.observed(), self.now)
        made = [a for a in decision.actions if isinstance(a, CREATES)]
        if terminal(before) and terminal(decision.status):
            assert not made, f"made {made} after the end"
            assert decision.status.phase == before.phase, "a terminal phase changed"
        if before.holds("Trained"):
            assert decision.status.holds("Trained"), "forgot that it is trained"
            again = [a for a in made if isinstance(a, CreateWorkers | CreateLauncher)]
            assert not again, f"made {again} for a network that is trained"
        for action in decision.actions:
            if self.refusing and isinstance(action, (*CREATES, CreateOutputClaim)):
                decision = with_refusal(
                    self.training, decision, action, Obstacle("QuotaExceeded", "no room"), self.now
                )
                break
            self._do(action)
        self.last = decision
        if write:
            self.training = replace(self.training, status=decision.status)
            self.told += [event.reason for event in decision.events]
        return decision

    def settle(self, limit: int = 30) -> None:
        """Looks until nothing is to be done at once."""
        for _ in range(limit):
            before = self.training.status
            decision = self.reconcile()
            again = decision.wake is not None and decision.wake < 0.5
            if self.deleted:
                return
            if not decision.actions and decision.status == before and not again:
                return
        raise AssertionError(f"hot loop: {decision}")

    def _do(self, action: Action) -> None:
        attempt = self.training.status.attempt
        match action:
            case CreateWorkers(number, replicas):
                assert number == attempt, "children of an attempt that is not written"
                writing = [p.name for p in self.pods.values() if self._writes(p, number)]
                assert not writing, f"{writing} of older attempts may still write"
                self._add(job("worker", number, completions=replicas, created=self.now))
                for index in range(replicas):
                    self._pod(self._pending("worker", number, index))
            case CreateLauncher(number):
                assert number == attempt, "children of an attempt that is not written"
                self._add(job("launcher", number, created=self.now))
                self._pod(
                    launcher_pod(
                        number,
                        exits={},
                        running=frozenset({"rendezvous"}),
                        created=self.now,
                    )
                )
            case CreateStage():
                self._add(job("stage", 0, created=self.now))
                self._pod(pod("stage", 0))
            case CreateEvaluate(number):
                self._add(job("evaluate", number, created=self.now))
                self._pod(pod("evaluate", number, 0))
            case CreateReport(number):
                self._add(job("report", number, created=self.now))
                self._pod(pod("report", number))
            case CreateOutputClaim():
                name = names.output_claim(NAME)
                self.claims[name] = Claim(
                    name, exists=True, modes=("ReadWriteMany",), training=NAME
                )
            case SuspendJob(name, _, suspend):
                self._suspend(name, suspend)
            case DeleteJob(name, _):
                self.remove_job(name)
            case DeleteTraining():
                self.deleted = True

    def _pending(self, role: str, attempt: int, index: int) -> Pod:
        return pod(
            role,
            attempt,
            index,
            phase="Pending",
            ready=False,
            scheduled=False,
            running=frozenset(),
            created=self.now,
        )

    def _add(self, made: Job) -> None:
        if made.name not in self.jobs:
            again = made.name in self.created and made.role in ("worker", "launcher")
            begun = self.training.status.holds("WorkersReady")
            assert not (again and begun), f"{made.name} was made anew in mid-training"
            self.jobs[made.name] = made
            self.created.append(made.name)

    def _pod(self, made: Pod) -> None:
        self.pods.setdefault(made.name, made)

    def _suspend(self, name: str, suspend: bool) -> None:
        old = self.jobs.get(name)
        if old is None or old.complete or old.failed:
            return
        self.jobs[name] = replace(old, suspended=suspend, active=0 if suspend else 1)
        if suspend:
            for key, found in list(self.pods.items()):
                if self._owns(old, found) and not (found.ended or found.silent):
                    del self.pods[key]
        elif old.role in ("evaluate", "report", "stage"):
            index = 0 if old.role == "evaluate" else None
            self._pod(pod(old.role, old.attempt, index))

    def _writes(self, found: Pod, attempt: int) -> bool:
        """Whether a pod of an older attempt may still write, and no fence is all that stops it."""
        older = found.role in ("worker", "launcher") and found.attempt < attempt
        return older and not found.gone(self.now)

    @staticmethod
    def _owns(owner: Job, found: Pod) -> bool:
        return (owner.role, owner.attempt) == (found.role, found.attempt)

    def remove_job(self, name: str) -> None:
        """Somebody deletes a Job with its pods."""
        gone = self.jobs.pop(name, None)
        if gone is not None:
            self.pods = {k: p for k, p in self.pods.items() if not self._owns(gone, p)}

    def live(self, *roles: str) -> list[Pod]:
        """Pods of those roles that have not ended and whose node answers."""
        return [p for p in self.pods.values() if p.role in roles and not (p.ended or p.silent)]

    def place(self, found: Pod) -> None:
        """A node takes a worker and it becomes ready."""
        self.pods[found.name] = replace(
            found, phase="Running", scheduled=True, ready=True, unschedulable=""
        )

    def no_room(self, found: Pod) -> None:
        """No node takes a worker."""
        if not found.scheduled:
            self.pods[found.name] = replace(found, unschedulable="0/3 nodes are available")

    def end(self, found: Pod, code: int, container: str, **said: object) -> None:
        """A pod ends; its Job completes or fails, as its policy says."""
        exits = {**found.exits, container: ended(code, finished=self.now, code=code, **said)}
        phase = "Succeeded" if code == 0 else "Failed"
        self.pods[found.name] = replace(
            found, phase=phase, ready=False, running=frozenset(), exits=exits
        )
        for name, owner in self.jobs.items():
            if self._owns(owner, found) and not owner.suspended:
                failed = "" if code == 0 else f"pod {found.name} failed"
                complete = code == 0 and owner.role != "worker"
                self.jobs[name] = replace(owner, failed=failed, complete=complete, active=0)
                if failed:
                    self._kill_rest(owner)

    def fail_with_its_pods(self, name: str) -> None:
        """A Job that was suspended fails as its pods end with 143."""
        self.jobs[name] = replace(self.jobs[name], failed="exit code 143")

    def meet(self, found: Pod) -> None:
        """The launcher's rendezvous is over."""
        self.pods[found.name] = replace(
            found, exits={"rendezvous": ended(0)}, running=frozenset({"launch"})
        )

    def lose(self, found: Pod, disruption: str) -> None:
        """A pod is told to go, or its node stops answering."""
        self.pods[found.name] = replace(
            found, deleting_until=self.now + timedelta(seconds=120), disruption=disruption
        )

    def silence(self, found: Pod) -> None:
        """A pod's node stops answering: its last news stays as it was, and it never ends."""
        self.pods[found.name] = replace(
            found,
            ready=False,
            running=found.running or frozenset({found.role}),
            disruption="DeletionByTaintManager",
            deleting_until=self.now + timedelta(seconds=120),
        )

    def vanish(self, found: Pod) -> None:
        """A pod that was told to go is gone; its Job fails with it."""
        del self.pods[found.name]
        for name, owner in self.jobs.items():
            if self._owns(owner, found) and not owner.suspended and not owner.complete:
                self.jobs[name] = replace(owner, failed="pod was deleted", active=0)
                self._kill_rest(owner)

    def _kill_rest(self, owner: Job) -> None:
        """A Job that has failed deletes the pods it has left."""
        for found in list(self.pods.values()):
            if self._owns(owner, found) and not found.ended and found.deleting_until is None:
                self.lose(found, "")

    def wait(self, seconds: float) -> None:
        """Time passes; pods whose grace is over vanish."""
        self.now += timedelta(seconds=seconds)
        for found in list(self.pods.values()):
            over = found.deleting_until is not None and found.deleting_until <= self.now
            if over and not found.ended and not found.silent:
                self.vanish(found)

    def carry_on(self) -> None:
        """Everything goes well for a moment: whatever can get on does."""
        self.reconcile()
        for found in list(self.pods.values()):
            if found.ended or found.silent or found.deleting_until is not None:
                continue
            if found.role == "worker" and not found.ready:
                self.place(found)
            elif found.role == "launcher":
                if "rendezvous" not in found.exits:
                    self.meet(found)
                else:
                    self.end(found, 0, "launch")
            elif found.role != "worker":
                self.end(found, 0, found.role)
        self.wait(20)
