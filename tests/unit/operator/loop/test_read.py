"""What is read besides the watches: only what a decision hangs on, and not too often."""

from __future__ import annotations

import pytest
from support.operator.bodies import job_body
from support.operator.kubernetes import refuse
from support.operator.making import NAME, NAMESPACE, after, starting, trained, training
from support.operator.making import running as in_training
from support.operator.reading import run
from unet_operator.api.status import Condition
from unet_operator.cluster.errors import ApiError


def test_claims_are_read_while_a_training_waits_to_start():
    async def scenario(seer):
        await seer.claim("msd")
        found = await seer.look(training())
        assert found.claims["msd"].modes == ("ReadWriteMany",)
        assert found.claims["results"].exists is False
        await seer.claim("results")
        assert (await seer.look(training(), 15)).claims["results"].exists

    run(scenario)


def test_claims_are_not_read_again_in_mid_attempt():
    async def scenario(seer):
        await seer.look(in_training())
        before = seer.reads("persistentvolumeclaims")
        for second in range(100):
            found = await seer.look(in_training(), second)
        assert seer.reads("persistentvolumeclaims") == before
        assert set(found.claims) == {"msd", "results"}

    run(scenario)


def test_one_claim_for_data_and_output_is_read_once():
    async def scenario(seer):
        await seer.claim("msd")
        found = await seer.look(training(output={"claimName": "msd"}))
        assert set(found.claims) == {"msd"}
        assert seer.reads("persistentvolumeclaims") == 1

    run(scenario)


def ended_well(**changes):
    """A training that has been evaluated."""
    done = trained(**changes)
    complete = Condition(
        type="Complete", status="True", last_transition_time=after(0), reason="Succeeded"
    )
    status = done.status.model_copy(update={"conditions": [*done.status.conditions, complete]})
    return type(done)(done.meta, done.spec, status)


def test_of_a_training_that_has_ended_nothing_is_read():
    async def scenario(seer):
        seer.store.put("jobs", job_body("worker"))
        found = await seer.look(ended_well())
        assert "brain-worker-1" in found.jobs
        assert seer.server.requests == []

    run(scenario)


def test_for_another_evaluation_the_claims_are_read_again():
    """The operator may have been restarted: whether a claim has one node only must be known."""

    async def scenario(seer):
        await seer.claim("msd")
        before = ended_well()
        asked = type(before)(before.meta, training(evaluation={"round": 2}).spec, before.status)
        assert (await seer.look(asked)).claims["msd"].exists

    run(scenario)


def test_whether_gangs_can_be_bound_is_asked_before_an_attempt_and_remembered():
    async def scenario(seer):
        seer.server.served = {"podgroups"}
        for _ in range(5):
            assert (await seer.look(training())).gang_available
        assert seer.discoveries() == 1
        seer.server.served = set()
        assert (await seer.look(training(), 599)).gang_available
        assert not (await seer.look(training(), 601)).gang_available, "a cluster may be changed"

    run(scenario)


def test_who_wants_no_gang_does_not_ask():
    async def scenario(seer):
        seer.server.served = {"podgroups"}
        found = await seer.look(training(runPolicy={"gang": "none"}))
        assert not found.gang_available
        assert {r.address.plural for r in seer.server.requests} == {"persistentvolumeclaims"}

    run(scenario)


def test_not_knowing_whether_gangs_can_be_bound_is_not_having_them():
    async def scenario(seer):
        async def no_discovery(request):
            down = request.path.startswith("/apis/scheduling")
            return await (refuse(503)(request) if down else seer.server.handle(request, {}))

        seer.server.fault(no_discovery, times=10)
        assert not (await seer.look(training())).gang_available
        seer.server.faults.clear()
        seer.server.served = {"podgroups"}
        assert (await seer.look(training())).gang_available, "it is asked again at once"

    run(scenario)


def test_claims_that_cannot_be_read_are_an_error_to_be_tried_again():
    async def scenario(seer):
        seer.server.fault(refuse(500), plural="persistentvolumeclaims")
        with pytest.raises(ApiError):
            await seer.look(training())

    run(scenario)


def test_what_is_remembered_of_a_training_goes_with_it():
    async def scenario(seer):
        await seer.look(training())
        assert seer.reader._readings
        seer.reader.forget((NAMESPACE, NAME))
        assert not seer.reader._readings
        seer.reader.forget((NAMESPACE, NAME))

    run(scenario)


def test_jobs_of_another_owner_under_our_label_are_not_seen():
    async def scenario(seer):
        seer.store.put("jobs", job_body("worker", owner="someone"))
        found = await seer.look(starting())
        assert found.jobs == {}

    run(scenario)
