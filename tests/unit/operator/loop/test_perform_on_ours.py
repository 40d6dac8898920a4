"""Actions touch only what this training controls."""

from __future__ import annotations

import pytest
from support.operator.kubernetes import refuse
from support.operator.making import NAME, UID
from support.operator.performing import (
    OTHER,
    fails,
    foreign,
)
from unet_operator.api.labels import LABEL_NAME
from unet_operator.cluster.errors import ApiError
from unet_operator.lifecycle.actions import (
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateReport,
    CreateStage,
    CreateWorkers,
)
from unet_operator.loop.perform import Refused

NAMED = [
    ("services", "brain-mpi", CreateWorkers(1, 2, True)),
    ("networkpolicies", "brain-mpi", CreateWorkers(1, 2, True)),
    ("configmaps", "brain-config-1", CreateWorkers(1, 2, True)),
    ("podgroups", "brain-worker-1", CreateWorkers(1, 2, True)),
    ("jobs", "brain-worker-1", CreateWorkers(1, 2, True)),
    ("jobs", "brain-launcher-1", CreateLauncher(1)),
    ("jobs", "brain-stage", CreateStage()),
    ("jobs", "brain-evaluate-1", CreateEvaluate(1)),
    ("jobs", "brain-report-1", CreateReport(1)),
]


OWNERS = {
    "nobody's": ((), "has no owner"),
    "a Deployment's": (
        ({"kind": "Deployment", "name": "web", "uid": "u", "controller": True},),
        "belongs to Deployment web",
    ),
    "another training's": (
        ({"kind": "UNetTraining", "name": "other", "uid": "u", "controller": True},),
        "belongs to UNetTraining other",
    ),
    "ours but not under our control": (
        ({"kind": "UNetTraining", "name": NAME, "uid": UID, "controller": False},),
        "has no owner",
    ),
}


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize(("plural", "name", "action"), NAMED)
def test_what_is_not_ours_is_never_touched(owner, plural, name, action):
    owners, words = OWNERS[owner]

    async def scenario(stage):
        await stage.server.put(plural, foreign(name, *owners))
        before = stage.server.find(plural, name)
        try:
            await stage.do(action)
        finally:
            assert stage.server.find(plural, name) == before
            assert not stage.server.made("DELETE")
            assert not stage.server.made("PATCH")

    refusal = fails(scenario, Refused)
    assert refusal.reason == "NameTaken"
    assert words in refusal.message
    assert name in refusal.message
    assert "another name" in refusal.message


@pytest.mark.parametrize(("plural", "name", "action"), NAMED)
def test_what_a_deleted_namesake_left_is_waited_for(plural, name, action):
    """The garbage collector is on its way: to be tried again, not to be told as a fault."""
    left = {"kind": "UNetTraining", "name": NAME, "uid": OTHER, "controller": True}

    async def scenario(stage):
        await stage.server.put(plural, foreign(name, left))
        try:
            await stage.do(action)
        finally:
            await stage.server.remove(plural, name)
            await stage.do(action)

    assert fails(scenario, ApiError).reason == "Leftover"


def test_what_vanishes_between_two_looks_is_tried_again():
    async def scenario(stage):
        stage.server.fault(refuse(409, "AlreadyExists"), plural="jobs")
        await stage.do(CreateStage())

    error = fails(scenario, ApiError)
    assert (error.status, error.reason) == (409, "Vanished")


def test_a_claim_that_was_made_for_another_is_refused():
    async def scenario(stage):
        claim = foreign("brain-output")
        claim["metadata"]["labels"] = {LABEL_NAME: "other"}
        await stage.server.put("persistentvolumeclaims", claim)
        await stage.do(CreateOutputClaim())

    refusal = fails(scenario, Refused)
    assert refusal.reason == "NameTaken"
    assert "spec.output.claimName" in refusal.message


def test_a_claim_that_is_gone_again_is_tried_again():
    async def scenario(stage):
        stage.server.fault(refuse(409, "AlreadyExists"), plural="persistentvolumeclaims")
        await stage.do(CreateOutputClaim())

    assert fails(scenario, ApiError).reason == "Vanished"
