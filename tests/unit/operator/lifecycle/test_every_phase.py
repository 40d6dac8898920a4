"""What may happen in any phase: suspension, the deadline, deletion, a second look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import NAME, after, claims, decided, spec, training
from support.operator.world import World
from unet_operator.lifecycle.actions import DeleteJob, DeleteTraining, SuspendJob
from unet_operator.lifecycle.phase import terminal
from unet_operator.observe.objects import Claim

STAGED = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}
LIVE = ["Pending", "Staging", "Starting", "Training", "Restarting", "Evaluating"]
ENDED = ["Succeeded", "Failed"]


def reach(phase: str, **changes: dict) -> World:
    """A world whose training has just come to that phase."""
    world = World(training(**{"dataset": STAGED, **changes}))
    if phase == "Pending":
        world.claims = {}
    world.settle()
    for _ in range(40):
        if world.training.status.phase == phase:
            return world
        training_on = world.training.status.phase == "Training"
        if phase in ("Restarting", "Failed") and training_on:
            code = 1 if phase == "Restarting" else 10
            world.end(world.live("launcher")[0], code, "launch")
            world.wait(10)
            world.settle()
        else:
            world.carry_on()
            world.settle()
    raise AssertionError(f"never came to {phase}: {world.training.status}")


def edit(world: World, **changes: dict) -> None:
    """A user edits the spec."""
    world.training = replace(world.training, spec=spec(**{"dataset": STAGED, **changes}))


def go_on(world: World, rounds: int = 40) -> None:
    """All goes well until the end."""
    for _ in range(rounds):
        if terminal(world.training.status):
            return
        world.carry_on()
        world.settle()


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_phase_can_be_reached(phase):
    status = reach(phase).training.status
    assert status.phase == phase
    assert status.message


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_second_look_says_and_does_nothing_new(phase):
    world = reach(phase)
    before = world.training.status
    told = list(world.told)
    world.wait(1)
    world.settle()
    assert world.training.status == before
    assert world.told == told


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_is_looked_at_again_by_itself(phase):
    assert 0 < reach(phase).reconcile().wake <= 130


@pytest.mark.parametrize("phase", [*LIVE, *ENDED])
def test_a_training_that_is_being_deleted_is_left_to_the_garbage_collector(phase):
    world = reach(phase)
    going = world.training.meta.model_copy(update={"deletion_timestamp": "2026-03-01T12:00:00Z"})
    decision = decided(replace(world.training, meta=going), world.observed(), after(9e6))
    assert (decision.actions, decision.events, decision.wake) == ((), (), None)
    assert decision.status == world.training.status


@pytest.mark.parametrize("phase", LIVE)
def test_suspending_stops_every_pod_and_then_says_so(phase):
    world = reach(phase)
    edit(world, runPolicy={"suspend": True})
    for _ in range(10):
        world.settle()
        world.wait(15)
    assert world.training.status.phase == "Suspended"
    assert world.training.status.workers is None
    assert not world.live("worker", "launcher", "stage", "evaluate", "report")
    assert "runPolicy.suspend" in world.training.status.message


@pytest.mark.parametrize("phase", LIVE)
def test_resuming_goes_on_to_the_end_and_counts_no_failure(phase):
    world = reach(phase)
    failures = world.training.status.failures
    edit(world, runPolicy={"suspend": True})
    for _ in range(10):
        world.settle()
        world.wait(15)
    created = list(world.created)
    world.wait(100_000)
    world.settle()
    assert world.created == created, "made something while suspended"
    world.claims = claims()
    edit(world)
    go_on(world)
    assert world.training.status.phase == "Succeeded"
    assert world.training.status.failures == failures


@pytest.mark.parametrize("phase", LIVE)
def test_suspended_and_resumed_at_once_it_still_ends_well(phase):
    world = reach(phase)
    edit(world, runPolicy={"suspend": True})
    world.reconcile()
    edit(world)
    world.claims = claims()
    go_on(world)
    assert world.training.status.phase == "Succeeded"


@pytest.mark.parametrize("phase", ENDED)
def test_what_has_ended_is_not_suspended(phase):
    world = reach(phase)
    edit(world, runPolicy={"suspend": True})
    world.settle()
    assert world.training.status.phase == phase


@pytest.mark.parametrize("phase", ["Staging", "Starting", "Training", "Restarting", "Evaluating"])
def test_the_deadline_ends_it_and_stops_every_pod(phase):
    world = reach(phase, runPolicy={"activeDeadlineSeconds": 7200})
    world.now = world.training.status.start_time
    world.now += after(7199) - after(0)
    world.settle()
    last = world.training.status.phase
    assert not terminal(world.training.status)
    world.wait(1)
    world.settle()
    status = world.training.status
    assert (status.phase, status.reason("Failed")) == ("Failed", "DeadlineExceeded")
    assert "runPolicy.activeDeadlineSeconds (7200 s)" in status.message
    assert status.message.startswith(f"still {last} after ")
    assert status.workers is None
    for _ in range(4):
        world.wait(60)
        world.settle()
    assert not world.live("worker", "launcher", "stage", "evaluate", "report")


def test_before_it_is_accepted_no_deadline_runs():
    world = reach("Pending", runPolicy={"activeDeadlineSeconds": 1})
    world.wait(3600)
    world.settle()
    assert world.training.status.phase == "Pending"


def test_while_suspended_no_deadline_runs_and_resuming_starts_it_anew():
    policy = {"activeDeadlineSeconds": 500}
    world = reach("Training", runPolicy=policy)
    edit(world, runPolicy={**policy, "suspend": True})
    for _ in range(4):
        world.settle()
        world.wait(15)
    world.wait(5000)
    world.settle()
    assert world.training.status.phase == "Suspended"
    edit(world, runPolicy=policy)
    world.settle()
    assert world.training.status.start_time == world.now
    go_on(world)
    assert world.training.status.phase == "Succeeded"


@pytest.mark.parametrize("phase", ENDED)
@pytest.mark.parametrize("ttl", [0, 60])
def test_after_its_time_to_live_the_training_itself_is_deleted(phase, ttl):
    world = reach(phase, runPolicy={"ttlSecondsAfterFinished": ttl})
    end = world.training.status.completion_time
    edit(world, runPolicy={"ttlSecondsAfterFinished": ttl})
    before = decided(world.training, world.observed(), end + (after(ttl) - after(1)))
    assert (DeleteTraining() in before.actions) is False
    then = decided(world.training, world.observed(), end + (after(ttl) - after(0)))
    assert DeleteTraining() in then.actions


@pytest.mark.parametrize("phase", LIVE)
def test_a_live_training_has_no_time_to_live(phase):
    world = reach(phase)
    edit(world, runPolicy={"ttlSecondsAfterFinished": 0})
    world.settle()
    assert not world.deleted


@pytest.mark.parametrize(
    ("policy", "phase", "actions"),
    [
        ("All", "Succeeded", {DeleteJob}),
        ("All", "Failed", {DeleteJob}),
        ("Running", "Failed", {SuspendJob, type(None)}),
        ("None", "Failed", {SuspendJob, type(None)}),
    ],
)
def test_what_is_cleaned_up_at_the_end(policy, phase, actions):
    world = reach(phase, runPolicy={"cleanPodPolicy": policy})
    edit(world, runPolicy={"cleanPodPolicy": policy})
    for _ in range(4):
        world.wait(60)
        for action in world.reconcile().actions:
            assert type(action) in actions
    assert not world.live("worker", "launcher")
    if policy == "All":
        assert world.jobs == {}


def test_kept_workers_are_kept_after_success_alone():
    policy = {"cleanPodPolicy": "None"}
    world = reach("Succeeded", runPolicy=policy)
    edit(world, runPolicy=policy)
    world.wait(600)
    world.settle()
    assert len(world.live("worker")) == 2


@pytest.mark.parametrize("phase", ["Training", "Evaluating"])
def test_a_claim_that_goes_in_mid_work_is_the_pods_affair(phase):
    """They hold it: Kubernetes keeps a claim in use until its pods have ended."""
    world = reach(phase)
    world.claims = {"msd": Claim("msd", exists=False)}
    world.settle()
    assert world.training.status.phase == phase


def test_a_claim_that_went_between_attempts_is_told_and_waited_for():
    world = reach("Restarting")
    world.claims = {**claims(), "msd": Claim("msd", exists=False)}
    for _ in range(6):
        world.wait(60)
        world.settle()
    status = world.training.status
    assert (status.attempt, status.reason("Accepted")) == (1, "ClaimNotFound")
    assert "msd" in status.message
    world.claims = claims()
    go_on(world)
    assert world.training.status.phase == "Succeeded"


def test_an_older_round_that_was_stopped_is_not_taken_up_again():
    policy = {"activeDeadlineSeconds": 7200}
    world = reach("Evaluating", runPolicy=policy)
    world.wait(8000)
    world.settle()
    assert world.training.status.phase == "Failed"
    world.wait(60)
    world.settle()
    edit(world, evaluation={"round": 2})
    world.settle()
    assert world.jobs[f"{NAME}-evaluate-1"].suspended
    assert not world.jobs[f"{NAME}-evaluate-2"].suspended
    go_on(world)
    assert world.training.status.phase == "Succeeded"
    assert world.training.status.evaluation.round == 2


@pytest.mark.parametrize("role", ["launcher", "worker"])
def test_a_node_that_stops_answering_ends_the_attempt_but_not_the_training(role):
    world = reach("Training")
    world.silence(world.live(role)[0])
    world.settle()
    for _ in range(8):
        world.wait(30)
        world.settle()
    assert world.training.status.attempt == 2
    assert world.training.status.failures == 0
    assert "stopped answering" in " ".join(c.message for c in world.training.status.conditions) or (
        world.training.status.phase in ("Starting", "Training")
    )
    go_on(world)
    assert world.training.status.phase == "Succeeded"


def test_a_silent_launcher_is_told_with_its_cause():
    world = reach("Training")
    world.silence(world.live("launcher")[0])
    world.settle()
    status = world.training.status
    assert status.phase == "Restarting"
    assert status.reason("WorkersReady") == "LauncherEvicted"
    assert "the launcher was on a node that stopped answering" in status.message
    assert "AttemptFailed" in world.told


@pytest.mark.parametrize("code", [0, 10])
def test_what_has_just_ended_is_looked_at_again_at_once_to_stop_what_still_runs(code):
    world = reach("Training", evaluation={"enabled": False})
    edit(world, evaluation={"enabled": False})
    world.end(world.live("launcher")[0], code, "launch")
    decision = world.reconcile()
    assert terminal(decision.status)
    assert decision.wake == 0
    world.settle()
    assert not world.live("worker")
