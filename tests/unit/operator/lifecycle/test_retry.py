"""A higher runPolicy.retry takes up what has failed, and nothing else does."""

from __future__ import annotations

import pytest
from support.operator.phases import end_launcher, go_on, policy, reach

USAGE, DATA, DISK = 2, 10, 12


def failed(code=DISK, **changes):
    """A life whose training has failed in its first attempt."""
    life = reach("Training", **changes)
    end_launcher(life, code)
    life.wait(10)
    assert life.status["phase"] == "Failed"
    return life


@pytest.mark.parametrize("code", [USAGE, DATA, DISK])
def test_a_failed_training_goes_on_with_the_next_attempt(code):
    life = failed(code)
    policy(life, retry=1)
    life.settle()
    assert life.status["attempt"] == 2
    assert life.live("worker")
    go_on(life)
    assert life.status["phase"] == "Succeeded"
    assert life.status["attempt"] == 2


def test_one_number_is_one_retry():
    life = failed()
    policy(life, retry=1)
    life.settle()
    while life.status["phase"] != "Training":
        life.carry_on()
    end_launcher(life, DISK)
    life.wait(60)
    assert (life.status["phase"], life.status["attempt"], life.status["retry"]) == ("Failed", 2, 1)
    policy(life, retry=2)
    life.settle()
    go_on(life)
    assert (life.status["phase"], life.status["attempt"]) == ("Succeeded", 3)


def test_a_number_that_was_there_from_the_start_retries_nothing():
    life = failed(runPolicy={"retry": 3})
    life.wait(3600)
    assert (life.status["phase"], life.status["attempt"]) == ("Failed", 1)


def test_a_succeeded_training_is_left_alone():
    life = reach("Succeeded")
    before = life.status
    policy(life, retry=5)
    life.wait(60)
    assert life.status["phase"] == "Succeeded"
    assert life.status["completionTime"] == before["completionTime"]


def test_after_a_deadline_time_counts_anew():
    life = reach("Training", runPolicy={"activeDeadlineSeconds": 600})
    life.wait(700)
    assert life.status["phase"] == "Failed"
    assert "raise it, and runPolicy.retry to go on" in life.status["message"]
    policy(life, retry=1)
    life.settle()
    assert life.status["phase"] != "Failed"
    go_on(life)
    assert life.status["phase"] == "Succeeded"


def test_failed_attempts_count_anew():
    life = reach("Training", runPolicy={"backoffLimit": 0})
    end_launcher(life, 1)
    life.wait(10)
    assert life.status["phase"] == "Failed"
    policy(life, retry=1, backoffLimit=1)
    life.settle()
    assert life.status.get("failures", 0) == 0
    while life.status["phase"] != "Training":
        life.carry_on()
    end_launcher(life, 1)
    life.wait(10)
    assert life.status["phase"] != "Failed"


def test_staging_that_failed_is_done_again_under_its_name():
    life = reach("Staging")
    (pod,) = life.live("stage")
    life.hand.end(pod["metadata"]["namespace"], pod["metadata"]["name"], DATA, {"code": DATA})
    life.settle()
    life.wait(10)
    assert life.status["phase"] == "Failed"
    old = life.job("stage")["metadata"]["uid"]
    policy(life, retry=1)
    life.settle()
    life.wait(10)
    assert life.status["phase"] == "Staging"
    assert life.job("stage")["metadata"]["uid"] != old
    go_on(life)
    assert life.status["phase"] == "Succeeded"


def test_an_evaluation_that_failed_is_done_again_and_nothing_is_trained():
    life = reach("Evaluating")
    for pod in life.live("evaluate"):
        life.hand.end(pod["metadata"]["namespace"], pod["metadata"]["name"], DATA, {"code": DATA})
    life.settle()
    life.wait(10)
    assert life.status["phase"] == "Failed"
    policy(life, retry=1)
    life.settle()
    life.wait(10)
    assert life.status["phase"] == "Evaluating"
    go_on(life)
    assert (life.status["phase"], life.status["attempt"]) == ("Succeeded", 1)
