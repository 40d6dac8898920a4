"""The launcher's log: read while it grows, once more at its end, and never in vain."""

from __future__ import annotations

import pytest
from support.operator.bodies import pod_body, running, terminated, waiting
from support.operator.kubernetes import hang_up, refuse
from support.operator.making import running as in_training
from support.operator.making import starting, trained
from support.operator.reading import LAUNCHER, launcher_body, run
from unet_operator.api.status import Plan


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


def test_a_node_that_gives_no_log_is_asked_again_after_a_while_and_no_sooner():
    async def scenario(seer):
        seer.store.put("pods", launcher_body())
        seer.server.fault(refuse(500, message="no route to host"), plural="pods", times=3)
        for second in (0, 0, 14):
            found = await seer.look(in_training(), second)
            assert [pod.name for pod in found.pods] == [LAUNCHER]
        assert seer.reads("log") == 1
        await seer.look(in_training(), 16)
        assert seer.reads("log") == 2

    run(scenario)
