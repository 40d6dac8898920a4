"""Evaluation, the end, suspension, deadline, time to live and re-evaluation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.making import (
    NAME,
    NOW,
    UID,
    advanced,
    after,
    decided,
    ended,
    job,
    launcher_done,
    launcher_pod,
    pod,
    running,
    seen,
    starting,
    trained,
    training,
    two_workers,
)
from unet_operator.api.status import Plan, TrainingProgress
from unet_operator.lifecycle.actions import (
    CreateEvaluate,
    CreateReport,
    DeleteJob,
    DeleteTraining,
    SuspendJob,
)
from unet_operator.observe.progress import LogReading

REPORT = {
    "kind": "report",
    "code": 0,
    "cases": 36,
    "meanDice": 0.861,
    "meanDiceInterval": [0.83, 0.89],
    "dicePerRegion": {"whole-tumour": 0.861},
    "hd95": 6.2,
    "report": "report.html",
}
REST = (job("worker", suspended=True, active=0), *launcher_done())


def report_done(round_: int = 1, **said: object):
    """A report that ended well."""
    done = pod(
        "report", round_, phase="Succeeded", exits={"report": ended(0, **{**REPORT, **said})}
    )
    return job("report", round_, complete=True, active=0), done


def test_a_trained_network_is_evaluated_and_its_workers_released():
    subject = running()
    decision = decided(subject, seen(*two_workers(), *launcher_done(epoch=40, loss=0.2)))
    assert decision.status.phase == "Evaluating"
    assert set(decision.actions) == {
        SuspendJob("brain-worker-1", "uid-brain-worker-1"),
        CreateEvaluate(1),
    }
    assert decision.status.logs.results == f"job/{NAME}-report-1"
    assert decision.status.training.epoch == 40


def test_the_final_figures_come_from_the_launcher_s_last_words():
    subject = running()
    done = launcher_done(epoch=40, epochs=40, loss=0.21, validationDice=0.87)
    decision = decided(subject, seen(*two_workers(), *done))
    assert decision.status.training.loss == 0.21
    assert decision.status.dice == 0.87
    assert decision.status.training.eta is None


def test_workers_stay_when_asked_to():
    subject = running(runPolicy={"cleanPodPolicy": "None"})
    decision = decided(subject, seen(*two_workers(), *launcher_done()))
    assert decision.actions == (CreateEvaluate(1),)


def test_without_evaluation_training_is_the_end():
    subject = running(evaluation={"enabled": False})
    decision = decided(subject, seen(*two_workers(), *launcher_done()))
    assert decision.status.phase == "Succeeded"
    assert decision.status.completion_time == NOW


def test_the_report_follows_the_shards():
    decision = decided(trained(), seen(*REST, job("evaluate", complete=True)))
    assert decision.actions == (CreateReport(1),)


def test_the_report_waits_for_the_shards():
    decision = decided(trained(), seen(*REST, job("evaluate")))
    assert decision.actions == ()
    assert decision.wake is not None


def test_the_report_s_last_words_are_the_score():
    decision = decided(trained(), seen(*REST, job("evaluate", complete=True), *report_done()))
    status = decision.status
    assert status.phase == "Succeeded"
    assert status.dice == status.evaluation.mean_dice == 0.861
    assert status.evaluation.mean_dice_interval == [0.83, 0.89]
    assert status.evaluation.dice_per_region == {"whole-tumour": 0.861}
    assert status.evaluation.cases == 36
    assert status.evaluation.report == f"{NAME}-{UID[:8]}/evaluation-1/report.html"
    assert "mean Dice 0.8610 over 36 cases" in status.message
    assert "kubectl logs job/brain-report-1" in status.message
    assert [e.reason for e in decision.events] == ["Succeeded"]


def test_a_report_whose_pod_is_gone_still_ends_well_and_says_where_to_look():
    decision = decided(
        trained(), seen(*REST, job("evaluate", complete=True), job("report", complete=True))
    )
    assert decision.status.phase == "Succeeded"
    assert "evaluation-1/report.html" in decision.status.message


@pytest.mark.parametrize(
    ("exit_", "expected"),
    [
        (ended(10, code=10, cause="case 3 is damaged", where="case_003"), "case 3 is damaged"),
        (ended(137, reason="OOMKilled"), "evaluation.resources.limits.memory"),
        (ended(14, code=14), "evaluation.resources.limits.memory"),
        (ended(1), "kubectl logs"),
    ],
)
def test_an_evaluation_that_fails_says_why_and_how_to_try_again(exit_, expected):
    bad = pod("evaluate", 1, 0, phase="Failed", exits={"evaluate": exit_})
    decision = decided(trained(), seen(*REST, job("evaluate", failed="backoff"), bad))
    assert decision.status.phase == "Failed"
    assert decision.status.reason("Failed") == "EvaluationFailed"
    assert expected in decision.status.message
    assert "evaluation.round" in decision.status.message
    assert decision.status.holds("Trained")


def test_a_report_that_fails_says_why():
    bad = pod("report", 1, phase="Failed", exits={"report": ended(12, code=12, cause="disk full")})
    things = (job("evaluate", complete=True), job("report", failed="x"), bad)
    decision = decided(trained(), seen(*REST, *things))
    assert "disk full" in decision.status.message


def succeeded(**changes):
    """A training that has ended well."""
    subject = trained(**changes)
    observed = seen(*REST, job("evaluate", complete=True), *report_done())
    return advanced(subject, decided(subject, observed))


@pytest.mark.parametrize(
    "observed",
    [
        seen(),
        seen(*two_workers()),
        seen(job("launcher", failed="x")),
        seen(pod("worker", 1, 0, phase="Failed")),
        seen(claims={}),
    ],
)
def test_after_the_end_nothing_is_made_whatever_is_missing(observed):
    for decision in (decided(succeeded(), observed), decided(succeeded(), observed, after(9e6))):
        assert decision.status.phase == "Succeeded"
        assert not [a for a in decision.actions if type(a).__name__.startswith("Create")]
        assert decision.events == ()


def test_after_the_end_what_still_runs_is_stopped():
    decision = decided(succeeded(), seen(job("worker"), pod("worker", 1, 0)))
    assert decision.actions == (SuspendJob("brain-worker-1", "uid-brain-worker-1"),)


def test_clean_all_deletes_every_job():
    decision = decided(succeeded(runPolicy={"cleanPodPolicy": "All"}), seen(*REST))
    assert {a.name for a in decision.actions} == {"brain-worker-1", "brain-launcher-1"}
    assert all(isinstance(a, DeleteJob) for a in decision.actions)


def test_the_time_to_live_deletes_the_training_itself():
    subject = succeeded(runPolicy={"ttlSecondsAfterFinished": 60})
    early = decided(subject, seen(*REST), after(30))
    assert DeleteTraining() not in early.actions
    assert early.wake == pytest.approx(30, abs=0.1)
    assert DeleteTraining() in decided(subject, seen(*REST), after(60)).actions


def test_without_a_time_to_live_it_stays():
    decision = decided(succeeded(), seen(*REST), after(1e8))
    assert decision.actions == ()
    assert decision.wake is None


def test_a_higher_round_evaluates_once_more():
    subject = succeeded()
    asked = replace(subject, spec=training(evaluation={"round": 2}).spec)
    observed = seen(*REST, job("evaluate", complete=True), *report_done())
    decision = decided(asked, observed, after(100))
    assert decision.status.phase == "Evaluating"
    assert decision.actions == (CreateEvaluate(2),)
    assert decision.status.completion_time is None
    subject = advanced(asked, decision)
    done = seen(*REST, job("evaluate", 2, complete=True), *report_done(2, meanDice=0.9))
    decision = decided(subject, done, after(200))
    assert decision.status.phase == "Succeeded"
    assert decision.status.evaluation.round == 2
    assert decision.status.dice == 0.9


def test_the_same_or_a_lower_round_changes_nothing():
    for round_ in (1,):
        asked = replace(succeeded(), spec=training(evaluation={"round": round_}).spec)
        assert decided(asked, seen(*REST)).status.phase == "Succeeded"


def test_a_failed_evaluation_can_be_asked_for_again():
    subject = trained()
    bad = seen(*REST, job("evaluate", failed="x"))
    subject = advanced(subject, decided(subject, bad))
    asked = replace(subject, spec=training(evaluation={"round": 2}).spec)
    decision = decided(asked, bad, after(10))
    assert decision.status.phase == "Evaluating"
    assert CreateEvaluate(2) in decision.actions


def test_a_failed_training_is_not_revived_by_a_round():
    subject = starting(runPolicy={"activeDeadlineSeconds": 1})
    subject = advanced(subject, decided(subject, seen(), after(2)))
    assert subject.status.phase == "Failed"
    asked = replace(subject, spec=training(evaluation={"round": 2}).spec)
    assert decided(asked, seen()).status.phase == "Failed"


def test_the_deadline_fails_the_training_and_stops_it():
    subject = running(runPolicy={"activeDeadlineSeconds": 100})
    observed = seen(*two_workers(), job("launcher"), launcher_pod())
    early = decided(subject, observed, after(99))
    assert early.status.phase == "Training"
    assert early.wake <= 15
    late = decided(subject, observed, after(100))
    assert late.status.reason("Failed") == "DeadlineExceeded"
    stop = decided(advanced(subject, late), observed, after(101))
    assert stop.actions == (SuspendJob("brain-launcher-1", "uid-brain-launcher-1"),)


SUSPEND = {"runPolicy": {"suspend": True}}


def test_suspended_from_the_start_it_makes_nothing():
    decision = decided(training(**SUSPEND), seen())
    assert decision.status.phase == "Suspended"
    assert decision.actions == ()


def suspended(observed):
    """A running training that was told to stop, and what is decided."""
    subject = replace(running(), spec=training(**SUSPEND).spec)
    return subject, decided(subject, observed, after(10))


def test_suspending_stops_the_launcher_first_and_waits():
    _, decision = suspended(seen(*two_workers(), job("launcher"), launcher_pod()))
    assert [a.name for a in decision.actions] == ["brain-launcher-1"]
    assert decision.status.phase == "Training"
    assert decision.wake is not None


def test_then_the_workers_and_then_it_is_suspended():
    halted = job("launcher", suspended=True, active=0)
    _, decision = suspended(seen(*two_workers(), halted))
    assert [a.name for a in decision.actions] == ["brain-worker-1"]
    _, decision = suspended(seen(job("worker", suspended=True, active=0), halted))
    assert decision.status.phase == "Suspended"
    assert [e.reason for e in decision.events] == ["Suspended"]


def test_resuming_is_a_new_attempt_that_does_not_count():
    halted = seen(
        job("worker", suspended=True, active=0), job("launcher", suspended=True, active=0)
    )
    subject, decision = suspended(halted)
    subject = replace(advanced(subject, decision), spec=training().spec)
    decision = decided(subject, halted, after(500))
    assert decision.status.attempt == 2
    assert decision.status.failures == 0
    assert decision.status.phase == "Starting"
    assert decision.status.start_time == after(500)


def test_a_launcher_that_failed_while_being_suspended_does_not_count():
    halted = seen(
        job("worker", suspended=True, active=0),
        job("launcher", suspended=True, active=0, failed="exit code 143"),
    )
    subject, decision = suspended(halted)
    assert decision.status.phase == "Suspended"
    subject = replace(advanced(subject, decision), spec=training().spec)
    assert decided(subject, halted, after(500)).status.failures == 0


def test_suspended_and_resumed_before_anything_stopped_is_still_a_new_attempt():
    halted = seen(*two_workers(), job("launcher", suspended=True, active=0))
    decision = decided(running(), halted)
    assert decision.status.phase == "Restarting"
    assert decision.status.failures == 0


def test_training_that_ends_while_being_suspended_is_trained_and_goes_no_further():
    subject, decision = suspended(seen(*two_workers(), *launcher_done()))
    assert decision.status.holds("Trained")
    assert CreateEvaluate(1) not in decision.actions
    decision = decided(advanced(subject, decision), seen(*REST), after(20))
    assert decision.status.phase == "Suspended"


def test_an_evaluation_is_paused_and_goes_on():
    subject = replace(trained(), spec=training(**SUSPEND).spec)
    decision = decided(subject, seen(*REST, job("evaluate")))
    assert decision.actions == (SuspendJob("brain-evaluate-1", "uid-brain-evaluate-1"),)
    paused = seen(*REST, job("evaluate", suspended=True, active=0))
    subject = advanced(subject, decided(subject, paused))
    assert subject.status.phase == "Suspended"
    resumed = decided(replace(subject, spec=training().spec), paused)
    assert resumed.actions == (
        SuspendJob("brain-evaluate-1", "uid-brain-evaluate-1", suspend=False),
    )


def test_progress_and_plan_are_taken_from_the_log():
    progress = TrainingProgress(epoch=3, epochs=40, loss=0.4, validation_dice=0.71, eta="12m")
    plan = Plan(patch_size="96,96,96", batch_size=2, global_batch_size=4, precision="bfloat16")
    observed = seen(*two_workers(), job("launcher"), launcher_pod(), log=LogReading(progress, plan))
    decision = decided(running(), observed, after(15))
    assert decision.status.training.loss == 0.4
    assert decision.status.training.time == after(15)
    assert decision.status.dice == 0.71
    assert decision.status.plan == plan
    assert [e.reason for e in decision.events] == ["Planned"]
    again = decided(advanced(running(), decision), observed, after(30))
    assert again.status == decision.status
    assert again.events == ()


def test_want_of_room_is_no_news_while_the_workers_are_leaving():
    waiting = pod("evaluate", 1, 0, phase="Pending", scheduled=False, unschedulable="0/3 nodes")
    leaving = pod("worker", 1, 0, deleting_until=after(100))
    crowded = decided(trained(), seen(*REST, job("evaluate"), waiting, leaving))
    assert crowded.events == ()
    alone = decided(trained(), seen(*REST, job("evaluate"), waiting))
    assert [e.reason for e in alone.events] == ["Unschedulable"]
