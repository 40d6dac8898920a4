"""Whatever happens, in whatever order: it ends, or waits for something one can name.

A hypothesis state machine plays users, nodes, schedulers, crashes and other actors against the
operator in a simulated cluster.  What holds at every look is in `support.operator.promises`.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from support.operator.invariants import EVERY_ROLE, Invariants
from support.operator.kubernetes.others import HUGE
from support.operator.making import NAMESPACE
from support.operator.quick_life import QuickLife
from support.operator.subject import terminal
from support.operator.upgrade import assert_upgrade_changes_nothing

CODES = st.sampled_from([0, 1, 2, 10, 11, 12, 13, 14, 134, 137, 143, 255])
DISRUPTIONS = st.sampled_from(
    ["", "PreemptionByScheduler", "EvictionByEvictionAPI", "DeletionByTaintManager"]
)
SCORE = {"meanDice": 0.8, "cases": 3}


class AnySequence(Invariants):
    """Plays a training's life."""

    @initialize(
        replicas=st.integers(1, 3),
        limit=st.integers(0, 3),
        evaluate=st.booleans(),
        staged=st.booleans(),
        clean=st.sampled_from(["None", "Running", "All"]),
        deadline=st.sampled_from([None, 600]),
        linger=st.sampled_from([0, 20, 120]),
        seen_ended=st.booleans(),
        lucky=st.integers(0, 6),
    )
    def apply(self, replicas, limit, evaluate, staged, clean, deadline, linger, seen_ended, lucky):
        """A user applies a training, and for some moments all goes well."""
        source = {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}
        self.policy = {
            "backoffLimit": limit,
            "cleanPodPolicy": clean,
            "activeDeadlineSeconds": deadline,
        }
        self.evaluation = {"enabled": evaluate}
        self.life = QuickLife(
            workers={"replicas": replicas, "minReplicas": 1},
            runPolicy=self.policy,
            evaluation=self.evaluation,
            dataset={"source": source if staged else None},
        )
        self.life.hand.linger, self.life.hand.seen_ended = linger, seen_ended
        self.life.settle()
        for _ in range(lucky):
            self.life.carry_on()

    def names(self, *roles):
        """Names of pods of those roles that have not ended and whose node answers."""
        return [pod["metadata"]["name"] for pod in self.life.live(*roles)]

    def drawn(self, data, *roles):
        """One of them."""
        return data.draw(st.sampled_from(self.names(*roles)))

    @rule()
    def look(self):
        """The operator looks once more, and has nothing new to say or to write."""
        self.life.settle()
        before, told = self.life.status, self.life.events()
        self.life.look()
        assert self.life.events() == told
        assert self.life.status == before

    @rule()
    def all_goes_well_for_a_moment(self):
        """Whatever can get on does."""
        self.life.carry_on()

    @rule()
    def crash(self):
        """The operator dies between doing and writing."""
        self.life.crash()

    @rule(seconds=st.sampled_from([1, 15, 60, 200]))
    def time_passes(self, seconds):
        """Time passes."""
        self.life.wait(seconds)

    @precondition(lambda self: self.names("worker"))
    @rule(data=st.data())
    def a_worker_starts(self, data):
        """A node takes a worker."""
        self.life.hand.run(NAMESPACE, self.drawn(data, "worker"))
        self.life.settle()

    @precondition(lambda self: self.names("worker"))
    @rule(data=st.data())
    def a_worker_finds_no_room(self, data):
        """No node takes a worker."""
        self.life.hand.no_room(NAMESPACE, self.drawn(data, "worker"))
        self.life.settle()

    @precondition(lambda self: self.names(*EVERY_ROLE))
    @rule(data=st.data(), disruption=DISRUPTIONS)
    def a_pod_is_lost(self, data, disruption):
        """A pod is deleted, evicted, preempted, or its node is tainted."""
        self.life.hand.evict(NAMESPACE, self.drawn(data, *EVERY_ROLE), disruption)
        self.life.settle()

    @precondition(lambda self: self.names("worker"))
    @rule(data=st.data(), disruption=DISRUPTIONS)
    def a_worker_is_lost(self, data, disruption):
        """The same, of the pods that matter most."""
        self.life.hand.evict(NAMESPACE, self.drawn(data, "worker"), disruption)
        self.life.settle()

    @precondition(lambda self: self.names("worker", "launcher"))
    @rule(data=st.data())
    def a_node_stops_answering(self, data):
        """A pod of the attempt never ends: its node is gone, and comes back no more."""
        self.life.hand.silence(NAMESPACE, self.drawn(data, "worker", "launcher"))
        self.life.settle()

    @precondition(lambda self: self.names("worker", "launcher"))
    @rule(data=st.data())
    def a_node_is_removed(self, data):
        """A pod of the attempt goes with its node, without a word."""
        self.life.hand.remove_node(NAMESPACE, self.drawn(data, "worker", "launcher"))
        self.life.settle()

    @rule(refusing=st.booleans())
    def the_quota_is_spent_or_raised(self, refusing):
        """The API server refuses new objects, or takes them again."""
        self.life.refuse_what_is_new(refusing)
        self.life.settle()

    @precondition(lambda self: self.life.training["spec"].get("evaluation", {}).get("round", 1) < 4)
    @rule()
    def another_evaluation_is_asked_for(self):
        """A user raises evaluation.round."""
        self.evaluation = {**self.evaluation, "round": self.evaluation.get("round", 1) + 1}
        self.life.change(evaluation=self.evaluation)
        self.life.settle()

    @precondition(lambda self: self.names("worker"))
    @rule(data=st.data(), code=CODES)
    def a_worker_ends(self, data, code):
        """A worker's sshd ends, which it never should."""
        self.life.hand.end(NAMESPACE, self.drawn(data, "worker"), code)
        self.life.settle()

    @precondition(lambda self: self.names("launcher"))
    @rule()
    def all_workers_answer(self):
        """Rendezvous is over."""
        self.life.hand.run(NAMESPACE, self.names("launcher")[0])
        self.life.settle()

    @precondition(lambda self: self.names("launcher"))
    @rule(code=CODES)
    def the_launcher_ends(self, code):
        """mpiexec or rendezvous ends."""
        (launcher, *_) = self.life.live("launcher")
        name = launcher["metadata"]["name"]
        if launcher["status"].get("phase") == "Running":
            self.life.hand.end(NAMESPACE, name, code, {"code": code})
        else:
            self.life.hand.fail_early(NAMESPACE, name, code or 13)
        self.life.settle()

    @precondition(lambda self: self.names("evaluate", "report", "stage"))
    @rule(data=st.data(), code=CODES)
    def a_shard_the_report_or_staging_ends(self, data, code):
        """A pod that is not the attempt's ends."""
        name = self.drawn(data, "evaluate", "report", "stage")
        self.life.hand.end(NAMESPACE, name, code, {**SCORE, "code": code})
        self.life.settle()

    @precondition(lambda self: self.life.jobs())
    @rule(data=st.data())
    def somebody_deletes_a_job(self, data):
        """A user deletes one of our Jobs."""
        self.life.cluster.others.delete(
            NAMESPACE, data.draw(st.sampled_from(sorted(self.life.jobs())))
        )
        self.life.cluster.settle()
        self.life.settle()

    @precondition(lambda self: self.life.jobs())
    @rule(data=st.data())
    def somebody_edits_a_job(self, data):
        """Another controller leaves labels and annotations on a Job."""
        marks = {"labels": {"example.com/seen": "yes"}, "annotations": {"example.com/at": "noon"}}
        name = data.draw(st.sampled_from(sorted(self.life.jobs())))
        self.life.cluster.others.edit(NAMESPACE, name, {"metadata": marks})
        self.life.settle()

    @rule()
    def somebody_adds_what_the_operator_does_not_know(self):
        """Another version leaves a field in the status."""
        self.life.cluster.others.spoil_status(NAMESPACE, "brain", novelty={"count": HUGE})
        self.life.settle()

    @rule()
    def the_operator_is_upgraded(self):
        """What release 0.1.0 would have written leads to the same decision."""
        assert_upgrade_changes_nothing(*self.life.as_observed(), self.life.now)

    @rule(doubled=st.booleans())
    def news_comes_twice(self, doubled):
        """Watches tell of everything twice from now on, or once again."""
        self.life.repeat = (lambda change: 2) if doubled else (lambda change: 1)

    @rule(lag=st.integers(1, 3))
    def the_cache_lags(self, lag):
        """The operator looks at what was, and only later hears of what is."""
        self.life.behind = lag
        self.life.look()
        self.life.behind = 0
        self.life.cluster.settle()
        self.life.settle()

    @rule(suspend=st.booleans())
    def suspend_or_resume(self, suspend):
        """A user sets runPolicy.suspend."""
        self.life.change(runPolicy={**self.policy, "suspend": suspend})
        self.life.settle()

    @rule(there=st.booleans())
    def the_claim_comes_or_goes(self, there):
        """Somebody deletes or creates the data's claim."""
        if there:
            self.life.restore_claims()
        else:
            self.life.remove_claim("msd")
        self.life.settle()

    def teardown(self):
        """From wherever it got to, with nothing else going wrong, it ends."""
        if not hasattr(self, "life"):
            return
        life = self.life
        life.restore_claims()
        life.refuse_what_is_new(False)
        policy = {**self.policy, "suspend": False, "activeDeadlineSeconds": None}
        life.change(runPolicy=policy)
        for _ in range(120):
            if terminal(self.status()):
                break
            life.carry_on()
        status = self.status()
        assert terminal(status), f"never ends: {status.phase}: {status.message}"
        assert status.completion_time is not None
        for _ in range(12):
            life.wait(60)
        kept = policy["cleanPodPolicy"] == "None" and status.holds("Complete")
        assert kept or not life.live(*EVERY_ROLE)
        before = life.created()
        for name in life.jobs():
            life.cluster.others.delete(NAMESPACE, name)
        life.cluster.settle()
        for _ in range(3):
            life.wait(1000)
        assert life.created() == before, "made something after the end"


AnySequence.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a life takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnySequence = AnySequence.TestCase
