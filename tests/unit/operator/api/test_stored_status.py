"""A stored status that others or other releases wrote is read as far as it can be."""

from __future__ import annotations

import random

import pytest
from support.operator.making import NOW
from unet_operator.api.status import Condition, Status
from unet_operator.api.stored_status import read_status, with_others

COMPLETE = {
    "type": "Complete",
    "status": "True",
    "reason": "Succeeded",
    "lastTransitionTime": "2026-03-01T12:00:00Z",
}
THEIRS = {**COMPLETE, "type": "Audited", "reason": "ByAnAdministrator"}
ENDED = {"phase": "Succeeded", "attempt": 2, "conditions": [COMPLETE]}
WRONG = ("many", -1, 10**400, 1.5, True, [], {}, [1], {"a": 1}, "\x00")


@pytest.mark.parametrize(
    "others",
    [
        {"conditions": [THEIRS, COMPLETE]},
        {"conditions": [{"type": 3}, None, COMPLETE, "x"]},
        {"attempt": "second"},
        {"dice": "high"},
        {"training": {"epoch": "x"}},
        {"lastFailure": 7},
        {"novelty": {"a": 1}},
    ],
    ids=str,
)
def test_one_unreadable_part_does_not_take_the_rest_with_it(others: dict):
    status = read_status({**ENDED, **others})
    assert status.holds("Complete")
    assert status.phase == "Succeeded"


@pytest.mark.parametrize(("phase", "kind"), [("Succeeded", "Complete"), ("Failed", "Failed")])
@pytest.mark.parametrize("conditions", [None, [], "none", [{"type": "Complete"}]], ids=str)
def test_a_training_that_has_ended_never_begins_again(phase: str, kind, conditions: object):
    status = read_status({"phase": phase, "conditions": conditions})
    assert status.holds(kind)
    assert status.reason(kind) == "StatusRepaired"


def test_any_wrong_value_in_any_field_is_lived_with():
    rng = random.Random(0)
    fields = [field.alias for field in Status.model_fields.values()]
    for _ in range(3000):
        raw = {**ENDED, **{rng.choice(fields): rng.choice(WRONG) for _ in range(3)}}
        found = read_status(raw)
        if raw["phase"] == "Succeeded":
            assert found.holds("Complete")


@pytest.mark.parametrize("raw", [None, {}, [], "status", 7])
def test_no_status_is_an_empty_one(raw: object):
    assert read_status(raw) == Status()


def test_what_others_wrote_stays_when_ours_is_written():
    stored = {**ENDED, "conditions": [THEIRS, COMPLETE], "novelty": {"a": 1}}
    ours = read_status(stored).model_dump(mode="json", by_alias=True, exclude_none=True)
    written = with_others(stored, ours)
    assert written["novelty"] == {"a": 1}
    assert THEIRS in written["conditions"]
    assert len(written["conditions"]) == 2
    assert with_others(written, ours) == written


def test_ours_alone_is_written_as_it_is():
    condition = Condition(type="Accepted", status="True", last_transition_time=NOW, reason="Fine")
    ours = Status(conditions=[condition]).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert with_others({}, ours) == ours
