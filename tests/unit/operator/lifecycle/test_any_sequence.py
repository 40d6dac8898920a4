"""Whatever happens, in whatever order: it ends, or waits for something one can name.

A hypothesis state machine plays users, nodes, schedulers and crashes against the decisions.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.operator.making import claims, spec, training
from support.operator.upgrade import assert_upgrade_changes_nothing
from support.operator.world import World
from unet_operator.lifecycle.phase import phase, terminal
from unet_operator.observe.objects import Claim

CODES = st.sampled_from([0, 1, 2, 10, 11, 12, 13, 14, 134, 137, 143, 255])
DISRUPTIONS = st.sampled_from(
    ["", "PreemptionByScheduler", "EvictionByEvictionAPI", "DeletionByTaintManager"]
)


class AnySequence(RuleBasedStateMachine):
    """Plays a training's life."""

    world: World

    @initialize(
        replicas=st.integers(1, 3),
        limit=st.integers(0, 3),
        evaluate=st.booleans(),
        staged=st.booleans(),
        clean=st.sampled_from(["None", "Running", "All"]),
        deadline=st.sampled_from([None, 600]),
        lucky=st.integers(0, 6),
    )
    def apply(self, replicas, limit, evaluate, staged, clean, deadline, lucky):
        """A user applies a training, and for some moments all goes well."""
        source = {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}
        changes = {
            "workers": {"replicas": replicas, "minReplicas": 1},
            "runPolicy": {
                "backoffLimit": limit,
                "cleanPodPolicy": clean,
                "activeDeadlineSeconds": deadline,
            },
            "evaluation": {"enabled": evaluate},
            "dataset": {"source": source if staged else None},
        }
        self.changes = changes
        self.world = World(training(**changes))
        self.world.settle()
        for _ in range(lucky):
            self.world.carry_on()
            self.world.settle()

    def pods(self, role):
        """Pods that have not ended."""
        return self.world.live(role)

    def suspended(self):
        """Names of the attempts' Jobs that are suspended and have not failed."""
        return sorted(
            found.name
            for found in self.world.jobs.values()
            if found.role in ("worker", "launcher") and found.suspended and not found.failed
        )

    def change(self, **sections):
        """A user edits the spec."""
        self.changes = {**self.changes, **sections}
        self.world.training = replace(self.world.training, spec=spec(**self.changes))
        self.world.settle()

    @rule()
    def look(self):
        """The operator looks once more, and has nothing new to say or to write."""
        self.world.settle()
        before = self.world.training.status
        decision = self.world.reconcile()
        assert decision.events == ()
        assert decision.status == before

    @rule()
    def all_goes_well_for_a_moment(self):
        """Whatever can get on does."""
        self.world.carry_on()
        self.world.settle()

    @rule()
    def crash(self):
        """The operator dies between doing and writing."""
        self.world.reconcile(write=False)

    @rule()
    def the_operator_is_upgraded(self):
        """What release 0.1.0 would have written leads to the same decision."""
        assert_upgrade_changes_nothing(self.world.training, self.world.observed(), self.world.now)

    @rule(seconds=st.sampled_from([1, 15, 60, 200]))
    def time_passes(self, seconds):
        """Time passes."""
        self.world.wait(seconds)
        self.world.settle()

    @precondition(lambda self: self.pods("worker"))
    @rule(data=st.data())
    def a_worker_starts(self, data):
        """A node takes a worker."""
        self.world.place(data.draw(st.sampled_from(self.pods("worker"))))
        self.world.settle()

    @precondition(lambda self: self.pods("worker"))
    @rule(data=st.data())
    def a_worker_finds_no_room(self, data):
        """No node takes a worker."""
        self.world.no_room(data.draw(st.sampled_from(self.pods("worker"))))
        self.world.settle()

    @precondition(lambda self: self.pods("worker"))
    @rule(data=st.data(), disruption=DISRUPTIONS)
    def a_worker_is_lost(self, data, disruption):
        """A worker is deleted, evicted, preempted, or its node is gone."""
        self.world.lose(data.draw(st.sampled_from(self.pods("worker"))), disruption)
        self.world.settle()

    @precondition(lambda self: self.world.live("worker", "launcher"))
    @rule(data=st.data())
    def a_node_stops_answering(self, data):
        """A pod of the attempt never ends: its node is gone, and comes back no more."""
        self.world.silence(data.draw(st.sampled_from(self.world.live("worker", "launcher"))))
        self.world.settle()

    @rule(refusing=st.booleans())
    def the_quota_is_spent_or_raised(self, refusing):
        """The API server refuses new objects, or takes them again."""
        self.world.refusing = refusing
        self.world.settle()

    @precondition(lambda self: self.world.training.spec.evaluation.round < 4)
    @rule()
    def another_evaluation_is_asked_for(self):
        """A user raises evaluation.round."""
        round_ = self.world.training.spec.evaluation.round + 1
        self.change(evaluation={**self.changes["evaluation"], "round": round_})

    @precondition(lambda self: self.pods("worker"))
    @rule(data=st.data(), code=CODES)
    def a_worker_ends(self, data, code):
        """A worker's sshd ends, which it never should."""
        self.world.end(data.draw(st.sampled_from(self.pods("worker"))), code or 143, "worker")
        self.world.settle()

    @precondition(lambda self: self.pods("launcher"))
    @rule()
    def all_workers_answer(self):
        """Rendezvous is over."""
        self.world.meet(self.pods("launcher")[0])
        self.world.settle()

    @precondition(lambda self: self.pods("launcher"))
    @rule(code=CODES)
    def the_launcher_ends(self, code):
        """mpiexec or rendezvous ends."""
        found = self.pods("launcher")[0]
        met = "rendezvous" in found.exits
        self.world.end(found, code if met else code or 13, "launch" if met else "rendezvous")
        self.world.settle()

    @precondition(lambda self: self.pods("evaluate") or self.pods("report"))
    @rule(code=CODES)
    def an_evaluation_pod_ends(self, code):
        """A shard or the report ends."""
        found = (self.pods("evaluate") or self.pods("report"))[0]
        self.world.end(found, code, found.role, meanDice=0.8, cases=3)
        self.world.settle()

    @precondition(lambda self: self.pods("stage"))
    @rule(code=CODES)
    def staging_ends(self, code):
        """The staging pod ends."""
        self.world.end(self.pods("stage")[0], code, "stage")
        self.world.settle()

    @precondition(lambda self: self.world.jobs)
    @rule(data=st.data())
    def somebody_deletes_a_job(self, data):
        """A user deletes one of our Jobs."""
        self.world.remove_job(data.draw(st.sampled_from(sorted(self.world.jobs))))
        self.world.settle()

    @rule(suspend=st.booleans())
    def suspend_or_resume(self, suspend):
        """A user sets runPolicy.suspend."""
        self.change(runPolicy={**self.changes["runPolicy"], "suspend": suspend})

    @precondition(lambda self: self.suspended())
    @rule(data=st.data())
    def suspending_fails_the_job(self, data):
        """An attempt's Job fails with the pods that suspending has ended."""
        self.world.fail_with_its_pods(data.draw(st.sampled_from(self.suspended())))
        self.world.settle()

    @rule(there=st.booleans())
    def the_claim_comes_or_goes(self, there):
        """Somebody deletes or creates the data's claim."""
        self.world.claims = claims() if there else {"msd": Claim("msd", exists=False)}
        self.world.settle()

    @invariant()
    def the_phase_follows_from_the_conditions(self):
        """No phase is ever set by hand."""
        status = self.world.training.status
        assert status.phase in (None, phase(status))

    @invariant()
    def it_has_ended_or_waits_for_something_with_a_name(self):
        """Never silent: a message, and a time to look again or an end."""
        status = self.world.training.status
        if status.phase is None or terminal(status):
            return
        assert status.message, f"silent in {status.phase}"
        waits_for_the_user = status.phase == "Suspended"
        assert waits_for_the_user or self.world.last.wake is not None

    @invariant()
    def at_most_one_attempt_trains(self):
        """Launchers of two attempts never run together."""
        assert len({p.attempt for p in self.pods("launcher")}) <= 1

    @invariant()
    def what_is_suspended_runs_nothing(self):
        """Suspended is said when the last pod has ended, not when the first was told to."""
        if self.world.training.status.phase == "Suspended":
            assert not self.world.live("worker", "launcher", "evaluate", "report", "stage")

    @invariant()
    def a_refusal_is_told(self):
        """What the API server refuses is in a condition, not only in a log."""
        status = self.world.training.status
        asked = self.world.last is not None and not self.world.last.actions
        if self.world.refusing and asked and status.message == "no room":
            assert "QuotaExceeded" in {c.reason for c in status.conditions}

    @invariant()
    def failures_stay_within_the_limit(self):
        """The count never exceeds the limit by more than the failure that ended it."""
        status = self.world.training.status
        limit = self.changes["runPolicy"]["backoffLimit"]
        assert status.failures <= limit + 1
        assert status.failures <= limit or terminal(status)

    def teardown(self):
        """From wherever it got to, with nothing else going wrong, it ends."""
        if not hasattr(self, "world"):
            return
        self.world.claims, self.world.refusing = claims(), False
        policy = {**self.changes["runPolicy"], "suspend": False, "activeDeadlineSeconds": None}
        self.world.training = replace(
            self.world.training, spec=spec(**{**self.changes, "runPolicy": policy})
        )
        for _ in range(120):
            if terminal(self.world.training.status):
                break
            self.world.carry_on()
        status = self.world.training.status
        assert terminal(status), f"never ends: {status.phase}: {status.message}"
        assert status.completion_time is not None
        for _ in range(12):
            self.world.wait(60)
            self.world.settle()
        kept = policy["cleanPodPolicy"] == "None" and status.holds("Complete")
        assert kept or not self.world.live("worker", "launcher", "stage", "evaluate", "report")
        before = list(self.world.created)
        self.world.jobs, self.world.pods = {}, {}
        for _ in range(3):
            self.world.wait(1000)
            self.world.settle()
        assert self.world.created == before, "made something after the end"


AnySequence.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a life takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnySequence = AnySequence.TestCase
