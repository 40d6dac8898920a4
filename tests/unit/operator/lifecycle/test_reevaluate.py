"""A higher round evaluates once more, and nothing else lifts an end."""

from __future__ import annotations

from dataclasses import replace

from support.operator.making import (
    advanced,
    after,
    decided,
    job,
    seen,
    starting,
    trained,
    training,
)
from support.operator.moments import REST, report_done, succeeded
from support.operator.phases import go_on, reach
from unet_operator.lifecycle.actions import CreateEvaluate


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
