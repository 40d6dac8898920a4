"""Actions against an API server: done once however often they are asked for, on ours alone."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from support.operator.api_server import ApiServer, hang_up, refuse, serving
from support.operator.making import NAME, NAMESPACE, UID, training
from unet_operator.api import names
from unet_operator.build.common import Context
from unet_operator.cluster.errors import ApiError
from unet_operator.lifecycle.actions import (
    CreateEvaluate,
    CreateLauncher,
    CreateOutputClaim,
    CreateReport,
    CreateStage,
    CreateWorkers,
    DeleteJob,
    DeleteTraining,
    SuspendJob,
)
from unet_operator.loop.perform import Performer, Refused
from unet_operator.observe.store import Store

KEY = (NAMESPACE, NAME)
OTHER = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"
SOURCE = {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}
SUBJECT = training(
    dataset={"source": SOURCE},
    output={"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}},
)
CREATES = [
    CreateOutputClaim(),
    CreateStage(),
    CreateWorkers(1, 2, True),
    CreateLauncher(1, 2),
    CreateEvaluate(1),
    CreateReport(1),
]
WORKERS = [
    ("services", "brain-mpi"),
    ("networkpolicies", "brain-mpi"),
    ("secrets", f"brain-ssh-{UID[:8]}-1"),
    ("configmaps", "brain-config-1"),
    ("podgroups", "brain-worker-1"),
    ("jobs", "brain-worker-1"),
]


class Stage:
    """A server, a performer, and a training that asks."""

    def __init__(self, server: ApiServer, performer: Performer, store: Store) -> None:
        self.server, self.performer, self.store = server, performer, store

    async def do(self, action, subject=SUBJECT):
        """Performs an action."""
        await self.performer.perform(Context(subject, "image:1"), action)

    def objects(self):
        """What there is: (plural, name)."""
        return {(plural, name) for plural, _, name in self.server.objects}


def run(scenario):
    """Runs a scenario on a stage."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            store = Store()
            return await scenario(Stage(server, Performer(cluster, store), store))

    return asyncio.run(main())


def fails(scenario, kind):
    """The error that a scenario ends with."""
    with pytest.raises(kind) as found:
        run(scenario)
    return found.value


@pytest.mark.parametrize(
    ("action", "made"),
    [
        (CreateOutputClaim(), [("persistentvolumeclaims", "brain-output")]),
        (CreateStage(), [("jobs", "brain-stage")]),
        (CreateWorkers(1, 2, True), WORKERS),
        (CreateWorkers(1, 2, False), [w for w in WORKERS if w[0] != "podgroups"]),
        (CreateLauncher(1, 2), [("jobs", "brain-launcher-1")]),
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


NAMED = [
    ("services", "brain-mpi", CreateWorkers(1, 2, True)),
    ("networkpolicies", "brain-mpi", CreateWorkers(1, 2, True)),
    ("configmaps", "brain-config-1", CreateWorkers(1, 2, True)),
    ("podgroups", "brain-worker-1", CreateWorkers(1, 2, True)),
    ("jobs", "brain-worker-1", CreateWorkers(1, 2, True)),
    ("jobs", "brain-launcher-1", CreateLauncher(1, 2)),
    ("jobs", "brain-stage", CreateStage()),
    ("jobs", "brain-evaluate-1", CreateEvaluate(1)),
    ("jobs", "brain-report-1", CreateReport(1)),
]


def foreign(name: str, *owners: dict) -> dict:
    """An object under our name that we did not make."""
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "ownerReferences": list(owners)},
        "spec": {"theirs": True},
    }


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
        await stage.do(CreateLauncher(1, 2))

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


def test_a_claim_that_was_made_for_another_is_refused():
    async def scenario(stage):
        claim = foreign("brain-output")
        claim["metadata"]["labels"] = {names.LABEL_NAME: "other"}
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


def test_a_claim_named_by_the_user_is_not_made():
    async def scenario(stage):
        await stage.do(CreateOutputClaim(), training())
        assert stage.server.requests == []

    run(scenario)


def test_suspending_patches_that_and_nothing_else():
    async def scenario(stage):
        await stage.do(CreateLauncher(1, 2))
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
        await stage.do(CreateLauncher(1, 2))
        await stage.do(SuspendJob("brain-launcher-1", OTHER))
        assert "suspend" not in stage.server.find("jobs", "brain-launcher-1")["spec"]

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
