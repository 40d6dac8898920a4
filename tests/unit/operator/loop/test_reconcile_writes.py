"""When a status is written: transitions at once, progress in its time."""

from __future__ import annotations

import logging

import pytest
from support.operator.bodies import pod_body
from support.operator.kubernetes import refuse
from support.operator.life import LOG, live
from support.operator.making import NAME, NAMESPACE
from unet_operator.cluster.errors import ApiError


def test_an_hour_of_refused_progress_is_not_lost():
    async def scenario(life):
        await life.to_training()
        life.log(LOG + "epoch=3/40 loss=0.5\n")
        life.server.fault(refuse(500), method="PATCH", plural="unettrainings", times=3)
        for _ in range(3):
            with pytest.raises(ApiError):
                await life.wait(20)
        await life.wait(20)
        assert life.status["training"]["epoch"] == 3

    live(scenario)


def test_progress_that_comes_too_soon_is_kept_for_its_time():
    async def scenario(life):
        await life.to_training()
        life.log(LOG + "epoch=1/40 loss=0.5\n")
        await life.wait(20)
        life.log(LOG + "epoch=2/40 loss=0.4\n")
        wake = await life.wait(14)
        assert life.status["training"]["epoch"] == 1
        assert wake <= 15
        await life.wait(wake)
        assert life.status["training"]["epoch"] == 2

    live(scenario)


def test_a_transition_is_written_at_once_however_new_the_last_write_is():
    async def scenario(life):
        await life.to_training()
        life.log(LOG + "epoch=1/40 loss=0.5\n")
        await life.wait(20)
        await life.end("launcher", said={"epoch": 40})
        await life.wait(1)
        assert life.status["phase"] == "Evaluating"

    live(scenario)


def test_each_change_of_phase_is_logged_with_the_training_s_name(caplog):
    async def scenario(life):
        await life.to_training()
        await life.to_the_end()

    with caplog.at_level(logging.INFO, logger="unet_operator.loop.reconcile"):
        live(scenario)
    phases = [r.phase for r in caplog.records if hasattr(r, "phase")]
    assert phases == ["Starting", "Training", "Evaluating", "Succeeded"]
    assert {r.training for r in caplog.records if hasattr(r, "phase")} == {f"{NAMESPACE}/{NAME}"}


def test_unknown_fields_of_the_status_are_no_reason_to_write_again_and_again():
    """A newer operator wrote them; this one takes them back once."""

    async def scenario(life):
        await life.to_training()
        body = life.server.find("unettrainings", NAME)
        await life.server.put("unettrainings", {**body, "status": {**body["status"], "novelty": 1}})
        before = len(life.status_patches())
        for _ in range(5):
            await life.wait(20)
        assert len(life.status_patches()) - before <= 1

    live(scenario)


def test_workers_that_come_one_by_one_are_not_each_a_write():
    async def scenario(life):
        await life.settle()
        before = len(life.status_patches())
        for index in range(20):
            ready = [{"type": "Ready", "status": "True"}]
            await life.server.put(
                "pods", pod_body("worker", 1, index, status={"conditions": ready})
            )
            await life.wait(1)
        assert len(life.status_patches()) - before <= 3
        await life.wait(15)
        assert life.status["workers"] == "20/40"

    live(scenario, workers={"replicas": 40})
