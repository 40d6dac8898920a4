"""Actions make their objects once, however often they are asked for or cut short."""

from __future__ import annotations

from itertools import count

import pytest
from support.operator.making import UID, training
from support.operator.performing import (
    CREATES,
    KEY,
    WORKERS,
    run,
)
from unet_operator.cluster.errors import ApiError
from unet_operator.lifecycle.actions import (
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateReport,
    CreateStage,
    CreateWorkers,
)


@pytest.mark.parametrize(
    ("action", "made"),
    [
        (CreateOutputClaim(), [("persistentvolumeclaims", "brain-output")]),
        (CreateStage(), [("jobs", "brain-stage")]),
        (CreateWorkers(1, 2, True), WORKERS),
        (CreateWorkers(1, 2, False), [w for w in WORKERS if w[0] != "podgroups"]),
        (CreateLauncher(1), [("jobs", "brain-launcher-1")]),
        (CreateEvaluate(3), [("jobs", "brain-evaluate-3")]),
        (CreateReport(3), [("jobs", "brain-report-3")]),
    ],
)
def test_an_action_makes_its_objects_with_one_write_each(action, made):
    async def scenario(stage):
        await stage.do(action)
        assert stage.objects() == set(made)
        assert [r.method for r in stage.server.requests] == ["POST"] * len(made)

    run(scenario)


def test_the_workers_job_comes_last_when_all_that_its_pods_need_is_there():
    async def scenario(stage):
        await stage.do(CreateWorkers(1, 2, True))
        assert [r.address.plural for r in stage.server.requests] == [kind for kind, _ in WORKERS]

    run(scenario)


@pytest.mark.parametrize("action", CREATES, ids=lambda a: type(a).__name__)
def test_done_twice_it_changes_nothing(action):
    async def scenario(stage):
        await stage.do(action)
        before = {key: body["metadata"]["uid"] for key, body in stage.server.objects.items()}
        keys = stage.server.find("secrets", f"brain-ssh-{UID[:8]}-1")
        await stage.do(action)
        after = {key: body["metadata"]["uid"] for key, body in stage.server.objects.items()}
        assert after == before
        assert stage.server.find("secrets", f"brain-ssh-{UID[:8]}-1") == keys

    run(scenario)


@pytest.mark.parametrize("action", CREATES, ids=lambda a: type(a).__name__)
def test_cut_short_anywhere_and_done_again_it_ends_with_the_same_objects(action):
    async def scenario(stage):
        await stage.do(action)
        return stage.objects(), len(stage.server.requests)

    whole, writes = run(scenario)

    async def interrupted(stage, after):
        steps = count()

        async def now_and_then(request):
            if next(steps) == after:
                return await stage.server.do_and_hang_up(request)
            body = await request.json()
            return await stage.server.handle(request, body)

        stage.server.fault(now_and_then, times=after + 1)
        with pytest.raises(ApiError):
            await stage.do(action)
        await stage.do(action)
        assert stage.objects() == whole

    for after in range(writes):
        run(lambda stage, after=after: interrupted(stage, after))


def test_a_job_is_known_at_once_and_not_when_the_watch_tells():
    async def scenario(stage):
        await stage.do(CreateWorkers(1, 2, False))
        assert stage.store.jobs(KEY, UID)["brain-worker-1"].completions == 2
        await stage.do(CreateWorkers(1, 2, False))
        assert list(stage.store.jobs(KEY, UID)) == ["brain-worker-1"]

    run(scenario)


def test_secrets_are_never_read():
    """The operator has no right to: their name tells whose they are."""

    async def scenario(stage):
        for _ in range(2):
            await stage.do(CreateWorkers(1, 2, True))
        assert {r.method for r in stage.server.requests if r.address.plural == "secrets"} == {
            "POST"
        }

    run(scenario)


def test_what_belongs_to_an_attempt_is_never_patched():
    async def scenario(stage):
        for _ in range(2):
            for action in CREATES:
                await stage.do(action)
        patched = {r.address.plural for r in stage.server.made("PATCH")}
        assert patched == {"services", "networkpolicies"}

    run(scenario)


def test_what_outlives_an_attempt_is_brought_up_to_date():
    """An older operator made it otherwise."""

    async def scenario(stage):
        await stage.do(CreateWorkers(1, 2, False))
        old = stage.server.find("services", "brain-mpi")
        await stage.server.put("services", {**old, "spec": {**old["spec"], "ports": []}})
        await stage.do(CreateWorkers(2, 2, False))
        assert stage.server.find("services", "brain-mpi")["spec"]["ports"][0]["port"] == 2222
        for request in stage.server.made("PATCH"):
            assert request.headers["Content-Type"] == "application/apply-patch+yaml"

    run(scenario)


def test_a_claim_named_by_the_user_is_not_made():
    async def scenario(stage):
        await stage.do(CreateOutputClaim(), training())
        assert stage.server.requests == []

    run(scenario)


def test_everything_that_is_made_is_owned_but_the_claim_that_is_kept():
    async def scenario(stage):
        for action in CREATES:
            await stage.do(action)
        for (plural, _, _), body in stage.server.objects.items():
            owners = body["metadata"].get("ownerReferences", [])
            if plural == "persistentvolumeclaims":
                assert owners == []
            else:
                assert [(o["uid"], o["controller"]) for o in owners] == [(UID, True)]

    run(scenario)
