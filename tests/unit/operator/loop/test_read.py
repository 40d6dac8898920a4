"""What is read besides the watches: only what a decision hangs on, and not too often."""

from __future__ import annotations

import asyncio

import pytest
from support.operator.api_server import hang_up, refuse, serving
from support.operator.bodies import condition, job_body, pod_body, running, terminated, waiting
from support.operator.making import NAME, NAMESPACE, after, starting, trained, training
from support.operator.making import running as in_training
from unet_operator.api.status import Condition, Plan
from unet_operator.cluster.errors import ApiError
from unet_operator.loop.read import Reader
from unet_operator.observe.store import Store

LAUNCHER = f"{NAME}-launcher-1-x"
CLAIM = {"spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Bound"}}


class Seer:
    """A reader with a server, a store and a clock."""

    def __init__(self, server, cluster):
        self.server, self.store, self.now = server, Store(), after(0)
        self.reader = Reader(cluster, self.store, lambda: self.now)

    async def claim(self, name):
        """There is such a claim."""
        body = {"metadata": {"name": name, "namespace": NAMESPACE}, **CLAIM}
        await self.server.put("persistentvolumeclaims", body)

    async def warn(self, uid, message, time="2026-03-01T12:00:10Z", type_="Warning", **fields):
        """Kubernetes records an event about an object."""
        count = len(self.server.objects)
        await self.server.put(
            "events",
            {
                "metadata": {"name": f"e{count}", "namespace": NAMESPACE},
                "involvedObject": {"uid": uid},
                "type": type_,
                "message": message,
                "lastTimestamp": time,
                **fields,
            },
        )

    def reads(self, plural):
        """How often a kind was read."""
        asked = self.server.made("GET")
        return len([r for r in asked if plural in (r.address.plural, r.address.sub)])

    def discoveries(self):
        """How often it was asked what kinds there are."""
        return len([r for r in self.server.made("GET") if not r.address.plural])

    async def look(self, subject, seconds=0.0):
        """A look, so many seconds after the beginning."""
        self.now = after(seconds)
        return await self.reader.read(subject)


def run(scenario):
    """Runs a scenario."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            await scenario(Seer(server, cluster))

    asyncio.run(main())


def launcher_body(**status):
    """A launcher whose mpiexec runs, unless told otherwise."""
    return pod_body("launcher", status={"containerStatuses": [running("launch")], **status})


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


def test_the_log_is_read_while_mpiexec_runs_every_fifteen_seconds():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        seer.server.logs[LAUNCHER, "launch"] = "epoch=1/4 loss=0.5\n"
        for second in range(0, 61, 5):
            found = await seer.look(in_training(), second)
            assert found.log.progress.epoch == 1, "the last reading is given until the next"
        assert seer.reads("log") == 5

    run(scenario)


def test_before_mpiexec_runs_there_is_no_log_to_read():
    async def scenario(seer):
        meeting = {
            "initContainerStatuses": [running("rendezvous")],
            "containerStatuses": [waiting("launch", "PodInitializing")],
        }
        seer.store.put("pods", pod_body("launcher", status=meeting))
        assert (await seer.look(starting())).log.progress is None
        assert seer.reads("log") == 0

    run(scenario)


def test_at_its_end_the_log_is_read_once_more_and_never_again():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        seer.server.logs[LAUNCHER, "launch"] = "epoch=1/4\n"
        await seer.look(in_training())
        seer.server.logs[LAUNCHER, "launch"] = "epoch=1/4\nepoch=4/4\n"
        seer.store.put(
            "pods", launcher_body(phase="Failed", containerStatuses=[terminated("launch", 1)])
        )
        assert (await seer.look(in_training(), 1)).log.progress.epoch == 4
        seer.server.logs[LAUNCHER, "launch"] = "epoch=9/9\n"
        assert (await seer.look(in_training(), 60)).log.progress.epoch == 4
        assert seer.reads("log") == 2

    run(scenario)


def test_once_trained_the_log_is_left_alone():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        await seer.look(trained())
        assert seer.reads("log") == 0

    run(scenario)


def test_an_older_attempt_s_log_is_not_this_one_s():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        seer.server.logs[LAUNCHER, "launch"] = "epoch=3/4\n"
        assert (await seer.look(in_training())).log.progress.epoch == 3
        status = in_training().status.model_copy(update={"attempt": 2})
        second = type(in_training())(in_training().meta, in_training().spec, status)
        assert (await seer.look(second, 60)).log.progress is None

    run(scenario)


def test_until_the_plan_is_known_the_log_is_read_from_far_back():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        await seer.look(in_training())
        planned = in_training().status.model_copy(update={"plan": Plan(batch_size=2)})
        await seer.look(type(in_training())(in_training().meta, in_training().spec, planned), 20)
        first, second = (int(r.query["tailLines"]) for r in seer.server.made("GET", "pods"))
        assert first > second

    run(scenario)


def test_a_plan_that_has_scrolled_out_of_the_log_is_remembered():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        seer.server.logs[LAUNCHER, "launch"] = "event=plan batch_size=2\nepoch=1/4\n"
        await seer.look(in_training())
        seer.server.logs[LAUNCHER, "launch"] = "epoch=2/4\n"
        assert (await seer.look(in_training(), 20)).log.plan.batch_size == 2

    run(scenario)


@pytest.mark.parametrize("answer", [refuse(500), refuse(403), refuse(404), hang_up])
def test_a_log_that_cannot_be_had_does_not_keep_the_rest_from_being_seen(answer):
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        seer.server.fault(answer, plural="pods", times=2)
        found = await seer.look(in_training())
        assert [pod.name for pod in found.pods] == [LAUNCHER]
        assert found.log.progress is None

    run(scenario)


def lacking(**fields):
    """A workers' Job of two that has one pod."""
    return job_body("worker", **fields)


def test_a_job_that_lacks_pods_is_asked_why_after_a_moment():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        seer.store.put("pods", pod_body(index=0))
        await seer.warn("uid-brain-worker-1", "exceeded quota")
        assert (await seer.look(starting(), 3)).warnings == {}
        assert seer.reads("events") == 0
        found = await seer.look(starting(), 5)
        assert found.warnings == {"uid-brain-worker-1": "exceeded quota"}

    run(scenario)


def test_it_is_asked_again_no_sooner_than_after_fifteen_seconds():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        for second in range(5, 66):
            await seer.look(starting(), second)
        assert seer.reads("events") == 5

    run(scenario)


@pytest.mark.parametrize(
    "body",
    [
        lacking(spec={"suspend": True}),
        lacking(conditions={"Failed": "x"}),
        lacking(conditions={"Complete": ""}),
    ],
    ids=["suspended", "failed", "complete"],
)
def test_a_job_that_wants_no_pods_is_not_asked(body):
    async def scenario(seer):
        seer.store.put("jobs", body)
        await seer.look(starting(), 60)
        assert seer.reads("events") == 0

    run(scenario)


def test_a_pod_that_has_a_node_and_does_not_start_is_asked_why():
    async def scenario(seer):
        stuck = {"phase": "Pending", "containerStatuses": [waiting("worker", "ContainerCreating")]}
        for index in range(2):
            seer.store.put("pods", pod_body(index=index, status=stuck))
        seer.store.put("jobs", job_body("worker"))
        await seer.warn("uid-brain-worker-1-1", "MountVolume.SetUp failed")
        found = await seer.look(starting(), 5)
        assert found.warnings == {"uid-brain-worker-1-1": "MountVolume.SetUp failed"}

    run(scenario)


def test_a_pod_that_says_itself_why_or_has_no_node_is_not_asked():
    async def scenario(seer):
        pulling = {
            "phase": "Pending",
            "containerStatuses": [waiting("worker", "ErrImagePull", "x")],
        }
        placed = condition("PodScheduled", "False", "Unschedulable", "no room")
        seer.store.put("pods", pod_body(index=0, status=pulling))
        seer.store.put(
            "pods",
            pod_body(index=1, node="", status={"phase": "Pending", "conditions": [placed]}),
        )
        seer.store.put("jobs", job_body("worker"))
        await seer.look(starting(), 60)
        assert seer.reads("events") == 0

    run(scenario)


def test_of_many_pods_that_do_not_start_a_few_are_asked():
    async def scenario(seer):
        for index in range(40):
            seer.store.put("pods", pod_body(index=index, status={"phase": "Pending"}))
        seer.store.put("jobs", job_body("worker", spec={"completions": 40}))
        await seer.look(starting(), 60)
        assert seer.reads("events") == 3

    run(scenario)


def test_the_last_warning_counts_on_one_line_and_not_without_end():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        uid = "uid-brain-worker-1"
        await seer.warn(uid, "newer:\n  quota\n", "2026-03-01T12:00:20Z")
        await seer.warn(uid, "older", "2026-03-01T12:00:10Z")
        await seer.warn(uid, "good news", "2026-03-01T12:00:30Z", "Normal")
        found = await seer.look(starting(), 60)
        assert found.warnings[uid] == "newer: quota"
        await seer.warn(uid, "x" * 5000, "2026-03-01T12:01:20Z")
        assert len((await seer.look(starting(), 120)).warnings[uid]) == 600

    run(scenario)


def test_an_event_of_the_newer_kind_has_its_time_elsewhere():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        uid = "uid-brain-worker-1"
        await seer.warn(uid, "older")
        new = {"lastTimestamp": None, "eventTime": "2026-03-01T12:30:00.000000Z"}
        await seer.warn(uid, "newer", **new)
        assert (await seer.look(starting(), 60)).warnings[uid] == "newer"

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
