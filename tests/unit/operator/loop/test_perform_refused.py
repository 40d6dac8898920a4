"""What the API server will not have: told to the user, or tried again."""

from __future__ import annotations

import pytest
from support.operator.kubernetes import hang_up, refuse
from support.operator.performing import (
    fails,
)
from unet_operator.cluster.errors import ApiError
from unet_operator.lifecycle.actions import (
    CreateLauncher,
    CreateOutputClaim,
    CreateWorkers,
)
from unet_operator.loop.perform import Refused


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (
            refuse(403, "Forbidden", "exceeded quota: small, requested: count/jobs.batch=1"),
            "QuotaExceeded",
            "raise the ResourceQuota",
        ),
        (
            refuse(403, "Forbidden", "unable to create: it is being terminated"),
            "NamespaceTerminating",
            "being deleted",
        ),
        (
            refuse(403, "Forbidden", 'User "x" cannot create resource "jobs"'),
            "Forbidden",
            "chart's roles",
        ),
        (refuse(404, "NotFound", "no such resource"), "NotFound", "no such resource"),
        (refuse(422, "Invalid", "spec.template: must be less"), "Rejected", "must be less"),
        (refuse(400, "BadRequest", "unknown field"), "Rejected", "unknown field"),
    ],
)
def test_a_refusal_that_time_does_not_mend_is_told_in_the_user_s_words(fault, reason, words):
    async def scenario(stage):
        stage.server.fault(fault, plural="jobs")
        await stage.do(CreateLauncher(1))

    refusal = fails(scenario, Refused)
    assert refusal.reason == reason
    assert "Job brain-launcher-1" in refusal.message
    assert words in refusal.message


@pytest.mark.parametrize(
    "fault",
    [
        refuse(500),
        refuse(503),
        refuse(429),
        hang_up,
        refuse(409, "Conflict", "quota is being updated"),
    ],
)
@pytest.mark.parametrize("action", [CreateWorkers(1, 2, True), CreateOutputClaim()])
def test_a_fault_that_may_pass_is_tried_again(fault, action):
    async def scenario(stage):
        stage.server.fault(fault, method="POST")
        try:
            await stage.do(action)
        finally:
            await stage.do(action)
            assert stage.objects()

    fails(scenario, ApiError)


def test_a_refused_object_stops_the_rest():
    """No workers without their keys."""

    async def scenario(stage):
        stage.server.fault(refuse(403, "Forbidden", "no"), plural="secrets")
        try:
            await stage.do(CreateWorkers(1, 2, True))
        finally:
            assert "jobs" not in {plural for plural, _ in stage.objects()}

    assert fails(scenario, Refused).reason == "Forbidden"
