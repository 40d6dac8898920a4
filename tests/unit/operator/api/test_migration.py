"""Statuses of release 0.1.0: what it kept in reasons and names is found in fields."""

from __future__ import annotations

import pytest
from support.operator.making import NOW, after
from unet_operator.api.migration import migrated
from unet_operator.api.resource import status as read_status
from unet_operator.api.status import Condition, EvaluationResult, LastFailure, Logs, Status


def old(reason: str, value: str = "False", **fields: object) -> Status:
    """A status of 0.1.0 whose WorkersReady has that reason."""
    ready = Condition(
        type="WorkersReady",
        status=value,
        last_transition_time=after(40),
        reason=reason,
        message="worker 1 is gone",
    )
    return Status(attempt=2, replicas=3, conditions=[ready], **fields)


@pytest.mark.parametrize(
    ("reason", "counted", "memory", "announced"),
    [
        ("WorkerPreempted", False, False, True),
        ("WorkerEvicted", False, False, True),
        ("WorkerDeleted", False, False, True),
        ("NodeLost", False, False, False),
        ("WorkerOutOfMemory", True, True, False),
        ("WorkerFailed", True, False, False),
    ],
)
def test_a_lost_worker_is_read_from_the_reason(reason, counted, memory, announced):
    assert migrated(old(reason)).failure_of_this_attempt == LastFailure(
        attempt=2,
        reason=reason,
        message="worker 1 is gone",
        time=after(40),
        counted=counted,
        memory=memory,
        announced=announced,
    )


@pytest.mark.parametrize(
    ("reason", "value"),
    [("WorkerDeleted", "True"), ("AttemptStarted", "False"), ("Crashed", "False")],
)
def test_no_other_reason_is_a_lost_worker(reason, value):
    assert migrated(old(reason, value)).last_failure is None


def test_the_size_of_a_smaller_attempt_is_read_from_the_replicas():
    assert migrated(old("NotEnoughRoom")).reduced_replicas == 3
    assert migrated(old("AttemptStarted")).reduced_replicas is None


@pytest.mark.parametrize(
    ("fields", "round_"),
    [
        ({}, None),
        ({"logs": Logs(launcher="job/brain-launcher-1")}, None),
        ({"logs": Logs(results="job/brain-report-1")}, 1),
        ({"logs": Logs(results="job/brain-report-7-report-12")}, 12),
        ({"logs": Logs(results="somebody wrote this")}, None),
        ({"evaluation": EvaluationResult(round=2)}, 2),
        ({"evaluation": EvaluationResult(round=2), "logs": Logs(results="job/b-report-1")}, 2),
    ],
)
def test_the_last_evaluation_is_read_from_the_score_or_the_name_of_its_report(fields, round_):
    assert migrated(Status(**fields)).evaluation_round == round_


def test_what_the_fields_say_already_is_kept():
    failure = LastFailure(attempt=1, reason="PeerLost", message="x", time=NOW)
    status = old(
        "NotEnoughRoom",
        last_failure=failure,
        reduced_replicas=1,
        evaluation_round=5,
        logs=Logs(results="job/brain-report-1"),
    )
    assert migrated(status) == status


def test_it_is_done_once():
    status = old("WorkerDeleted", logs=Logs(results="job/brain-report-4"))
    assert migrated(migrated(status)) == migrated(status)


def test_a_status_is_migrated_as_it_is_read():
    written = old("WorkerDeleted").model_dump(mode="json", by_alias=True, exclude_none=True)
    assert "lastFailure" not in written
    assert read_status({"status": written}).last_failure.reason == "WorkerDeleted"
