"""What may happen in any phase: suspension, the deadline, deletion, a second look."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from support.operator.kubernetes.clock import read
from support.operator.making import NAME, NAMESPACE
from support.operator.quick_life import QuickLife
from support.operator.subject import terminal

STAGED = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}
LIVE = ["Pending", "Staging", "Starting", "Training", "Restarting", "Evaluating"]
ENDED = ["Succeeded", "Failed"]
EVERY_ROLE = ("worker", "launcher", "stage", "evaluate", "report")


def reach(phase: str, **changes: dict) -> QuickLife:
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


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_phase_can_be_reached(phase):
    status = reach(phase).status
    assert status["phase"] == phase
    assert status["message"]


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_second_look_says_and_does_nothing_new(phase):
    life = reach(phase)
    life.settle()
    before, told = life.status, life.events()
    life.wait(1)
    assert life.status == before
    assert life.events() == told


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_is_looked_at_again_by_itself(phase):
    life = reach(phase)
    life.settle()
    assert 0 < life.wake <= 130


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_training_that_is_being_deleted_is_left_to_the_garbage_collector(phase):
    life = reach(phase)
    life.cluster.others.hold("unettrainings", NAMESPACE, NAME)
    life.cluster.store.delete("unettrainings", NAMESPACE, NAME)
    before, asked = life.status, writes(life)
    life.cluster.clock.advance(9e6)
    assert life.look() is None
    assert writes(life) == asked
    assert life.status == before


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_deleted_training_leaves_nothing_behind(phase):
    life = reach(phase)
    life.cluster.store.delete("unettrainings", NAMESPACE, NAME)
    for _ in range(4):
        life.look()
        life.cluster.advance(60)
    assert life.jobs() == {}
    assert list(life.find_pods(*EVERY_ROLE)) == []


@pytest.mark.parametrize("phase", LIVE)
def test_suspending_stops_every_pod_and_then_says_so(phase):
    life = reach(phase)
    policy(life, suspend=True)
    passes(life, 10, 15)
    assert life.status["phase"] == "Suspended"
    assert "workers" not in life.status
    assert not life.live(*EVERY_ROLE)
    assert "runPolicy.suspend" in life.status["message"]


@pytest.mark.parametrize("linger", [0, 100])
@pytest.mark.parametrize("seen_ended", [True, False], ids=["fails its Job", "just goes"])
@pytest.mark.parametrize("phase", LIVE)
def test_resuming_goes_on_to_the_end_and_counts_no_failure(phase, seen_ended, linger):
    life = reach(phase)
    life.hand.linger, life.hand.seen_ended = linger, seen_ended
    failures = life.status.get("failures", 0)
    policy(life, suspend=True)
    passes(life, 10, 15)
    created = life.created()
    life.wait(100_000)
    assert life.created() == created, "made something while suspended"
    life.restore_claims()
    policy(life)
    go_on(life)
    assert life.status["phase"] == "Succeeded"
    assert life.status.get("failures", 0) == failures


@pytest.mark.parametrize("phase", LIVE)
def test_suspended_and_resumed_at_once_it_still_ends_well(phase):
    life = reach(phase)
    policy(life, suspend=True)
    life.look()
    policy(life)
    life.restore_claims()
    go_on(life)
    assert life.status["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ENDED)
def test_what_has_ended_is_not_suspended(phase):
    life = reach(phase)
    policy(life, suspend=True)
    life.settle()
    assert life.status["phase"] == phase


@pytest.mark.parametrize("phase", ["Staging", "Starting", "Training", "Restarting", "Evaluating"])
def test_the_deadline_ends_it_and_stops_every_pod(phase):
    life = reach(phase, runPolicy={"activeDeadlineSeconds": 7200})
    life.cluster.clock.now = moment(life, "startTime") + timedelta(seconds=7199)
    life.settle()
    last = life.status["phase"]
    assert not over(life)
    life.wait(1)
    assert life.status["phase"] == "Failed"
    assert life.condition("Failed")["reason"] == "DeadlineExceeded"
    assert "runPolicy.activeDeadlineSeconds (7200 s)" in life.status["message"]
    assert life.status["message"].startswith(f"still {last} after ")
    assert "workers" not in life.status
    passes(life, 4, 60)
    assert not life.live(*EVERY_ROLE)


def test_before_it_is_accepted_no_deadline_runs():
    life = reach("Pending", runPolicy={"activeDeadlineSeconds": 1})
    life.wait(3600)
    assert life.status["phase"] == "Pending"


def test_while_suspended_no_deadline_runs_and_resuming_starts_it_anew():
    life = reach("Training", runPolicy={"activeDeadlineSeconds": 500})
    policy(life, activeDeadlineSeconds=500, suspend=True)
    passes(life, 4, 15)
    life.wait(5000)
    assert life.status["phase"] == "Suspended"
    policy(life, activeDeadlineSeconds=500)
    life.settle()
    assert moment(life, "startTime") == life.now
    go_on(life)
    assert life.status["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ENDED)
@pytest.mark.parametrize("ttl", [1, 60])
def test_after_its_time_to_live_the_training_itself_is_deleted(phase, ttl):
    life = reach(phase)
    policy(life, ttlSecondsAfterFinished=ttl)
    end = moment(life, "completionTime")
    life.cluster.clock.now = end + timedelta(seconds=ttl - 1)
    life.settle()
    assert not life.gone
    life.wait(1)
    assert life.gone


@pytest.mark.parametrize("phase", ENDED)
def test_no_time_to_live_at_all_deletes_it_at_its_end(phase):
    life = reach(phase)
    policy(life, ttlSecondsAfterFinished=0)
    life.settle()
    assert life.gone


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_has_no_time_to_live(phase):
    life = reach(phase)
    policy(life, ttlSecondsAfterFinished=0)
    life.settle()
    assert not life.gone


@pytest.mark.parametrize(
    ("clean", "phase", "verbs"),
    [
        ("All", "Succeeded", {"DELETE"}),
        ("All", "Failed", {"DELETE"}),
        ("Running", "Failed", {"PATCH"}),
        ("None", "Failed", {"PATCH"}),
    ],
)
def test_what_is_cleaned_up_at_the_end(clean, phase, verbs):
    life = reach(phase, runPolicy={"cleanPodPolicy": clean})
    ended = len(writes(life))
    passes(life, 4, 60)
    after = writes(life)[ended:]
    assert {method for method, plural in after if plural == "jobs"} <= verbs
    assert {plural for _, plural in after} <= {"jobs"}
    assert not life.live("worker", "launcher")
    if clean == "All":
        assert life.jobs() == {}


def test_kept_workers_are_kept_after_success_alone():
    life = reach("Succeeded", runPolicy={"cleanPodPolicy": "None"})
    life.wait(600)
    assert len(life.staying("worker")) == 2


@pytest.mark.parametrize("phase", ["Training", "Evaluating"])
def test_a_claim_that_goes_in_mid_work_is_the_pods_affair(phase):
    """They hold it: Kubernetes keeps a claim in use until its pods have ended."""
    life = reach(phase)
    life.remove_claim("msd")
    life.settle()
    assert life.status["phase"] == phase


def test_a_claim_that_went_between_attempts_is_told_and_waited_for():
    life = reach("Restarting")
    life.remove_claim("msd")
    passes(life, 6, 60)
    assert life.status["attempt"] == 1
    assert life.condition("Accepted")["reason"] == "ClaimNotFound"
    assert "msd" in life.status["message"]
    life.restore_claims()
    go_on(life)
    assert life.status["phase"] == "Succeeded"


def test_an_older_round_that_was_stopped_is_not_taken_up_again():
    life = reach("Evaluating", runPolicy={"activeDeadlineSeconds": 7200})
    life.wait(8000)
    assert life.status["phase"] == "Failed"
    life.wait(60)
    life.change(evaluation={"round": 2})
    life.settle()
    assert life.job("evaluate", 1)["spec"]["suspend"]
    assert not life.job("evaluate", 2)["spec"]["suspend"]
    go_on(life)
    assert life.status["phase"] == "Succeeded"
    assert life.status["evaluation"]["round"] == 2


@pytest.mark.parametrize("role", ["launcher", "worker"])
def test_a_node_that_stops_answering_ends_the_attempt_but_not_the_training(role):
    life = reach("Training")
    silence(life, role)
    life.settle()
    passes(life, 8, 30)
    assert life.status["attempt"] == 2
    assert life.status.get("failures", 0) == 0
    told = " ".join(c["message"] for c in life.status["conditions"])
    assert "stopped answering" in told or life.status["phase"] in ("Starting", "Training")
    go_on(life)
    assert life.status["phase"] == "Succeeded"


def test_a_silent_launcher_is_told_with_its_cause():
    life = reach("Training")
    silence(life, "launcher")
    life.settle()
    assert life.status["phase"] == "Restarting"
    assert life.condition("WorkersReady")["reason"] == "LauncherEvicted"
    assert "the launcher was on a node that stopped answering" in life.status["message"]
    assert "AttemptFailed" in life.events()


@pytest.mark.parametrize("code", [0, 10])
def test_what_has_just_ended_is_looked_at_again_at_once_to_stop_what_still_runs(code):
    life = reach("Training", evaluation={"enabled": False})
    end_launcher(life, code)
    life.look()
    assert over(life)
    assert life.wake == 0
    life.settle()
    assert not life.live("worker")
