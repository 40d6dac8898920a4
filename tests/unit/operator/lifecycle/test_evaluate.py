"""Evaluation: shards, then the report."""

from __future__ import annotations

import pytest
from support.operator.making import (
    NAME,
    NOW,
    after,
    decided,
    ended,
    job,
    launcher_done,
    pod,
    running,
    seen,
    trained,
    two_workers,
)
from support.operator.moments import REST
from unet_operator.lifecycle.actions import CreateEvaluate, CreateReport, SuspendJob


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


def test_want_of_room_is_no_news_while_the_workers_are_leaving():
    waiting = pod("evaluate", 1, 0, phase="Pending", scheduled=False, unschedulable="0/3 nodes")
    leaving = pod("worker", 1, 0, deleting_until=after(100))
    crowded = decided(trained(), seen(*REST, job("evaluate"), waiting, leaving))
    assert crowded.events == ()
    alone = decided(trained(), seen(*REST, job("evaluate"), waiting))
    assert [e.reason for e in alone.events] == ["Unschedulable"]
