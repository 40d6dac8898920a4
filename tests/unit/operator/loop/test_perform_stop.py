"""Jobs are suspended and deleted, and the training deleted, each by its uid."""

from __future__ import annotations

import pytest
from support.operator.kubernetes import refuse
from support.operator.making import NAME, NAMESPACE, UID
from support.operator.performing import (
    KEY,
    OTHER,
    fails,
    run,
)
from unet_operator.cluster.errors import ApiError
from unet_operator.lifecycle.actions import (
    CreateLauncher,
    CreateReport,
    DeleteJob,
    DeleteTraining,
    SuspendJob,
)


def test_suspending_patches_that_and_nothing_else():
    async def scenario(stage):
        await stage.do(CreateLauncher(1))
        made = stage.server.find("jobs", "brain-launcher-1")
        await stage.do(SuspendJob("brain-launcher-1", made["metadata"]["uid"]))
        patch = stage.server.made("PATCH")[-1].body
        assert patch == {"metadata": {"uid": made["metadata"]["uid"]}, "spec": {"suspend": True}}
        assert stage.store.jobs(KEY, UID)["brain-launcher-1"].suspended
        await stage.do(SuspendJob("brain-launcher-1", made["metadata"]["uid"], suspend=False))
        assert not stage.store.jobs(KEY, UID)["brain-launcher-1"].suspended

    run(scenario)


def test_a_namesake_of_the_job_is_not_suspended():
    async def scenario(stage):
        await stage.do(CreateLauncher(1))
        await stage.do(SuspendJob("brain-launcher-1", OTHER))
        assert not stage.server.find("jobs", "brain-launcher-1")["spec"].get("suspend")

    run(scenario)


@pytest.mark.parametrize("code", [404, 409, 422])
def test_a_job_that_is_gone_or_finished_need_not_be_suspended(code):
    async def scenario(stage):
        stage.server.fault(refuse(code), method="PATCH")
        await stage.do(SuspendJob("brain-launcher-1", OTHER))

    run(scenario)


@pytest.mark.parametrize("code", [403, 500, 503])
def test_suspending_that_is_refused_otherwise_is_tried_again(code):
    async def scenario(stage):
        stage.server.fault(refuse(code), method="PATCH")
        await stage.do(SuspendJob("brain-launcher-1", OTHER))

    assert fails(scenario, ApiError).status == code


def test_only_the_job_with_that_uid_is_deleted():
    async def scenario(stage):
        await stage.do(CreateReport(1))
        made = stage.server.find("jobs", "brain-report-1")
        await stage.do(DeleteJob("brain-report-1", OTHER))
        assert stage.server.find("jobs", "brain-report-1") is not None
        await stage.do(DeleteJob("brain-report-1", made["metadata"]["uid"]))
        assert stage.server.find("jobs", "brain-report-1") is None
        await stage.do(DeleteJob("brain-report-1", made["metadata"]["uid"]))

    run(scenario)


@pytest.mark.parametrize(("uid", "left"), [(UID, False), (OTHER, True)])
def test_only_this_training_is_deleted_and_not_what_followed_it(uid, left):
    async def scenario(stage):
        body = {"metadata": {"name": NAME, "namespace": NAMESPACE, "uid": uid}}
        await stage.server.put("unettrainings", body)
        await stage.do(DeleteTraining())
        assert (stage.server.find("unettrainings", NAME) is not None) is left

    run(scenario)
