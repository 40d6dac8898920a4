"""A training's whole life over HTTP: what it makes, what it writes, what it tells."""

from __future__ import annotations

from collections import Counter

import pytest
from support.operator.bodies import pod_body
from support.operator.kubernetes import hang_up, refuse, too_many_requests
from support.operator.life import LOG, Life, live
from support.operator.making import NAMESPACE, UID
from unet_operator.cluster.errors import ApiError

CHILD_WRITES, STATUS_PATCHES, EVENTS = 12, 8, 8
"""Most writes of a life, besides progress: from the issue that asked for the operator."""


def writes(life: Life) -> tuple[int, int, int]:
    """(writes of children, status patches, events) so far."""
    asked = [r for r in life.server.requests if r.method != "GET"]
    status = [r for r in asked if r.address.sub == "status"]
    events = [r for r in asked if r.address.plural == "events"]
    return len(asked) - len(status) - len(events), len(status), len(events)


def test_from_apply_to_the_dice_table():
    async def scenario(life):
        await life.to_training()
        assert life.status["phase"] == "Training"
        await life.to_the_end()
        assert life.status["phase"] == "Succeeded"
        assert life.status["dice"] == 0.86
        assert life.status["training"]["epoch"] == 40
        assert life.status["plan"]["patchSize"] == "64,64,64"
        assert life.status["logs"] == {
            "launcher": "job/brain-launcher-1",
            "results": "job/brain-report-1",
        }

    live(scenario)


def test_an_undisturbed_life_stays_within_its_budget_of_writes():
    async def scenario(life):
        await life.to_training()
        await life.to_the_end()
        children, patches, events = writes(life)
        assert children <= CHILD_WRITES
        assert patches <= STATUS_PATCHES
        assert events <= EVENTS

    live(scenario)


def test_an_ended_training_costs_nothing():
    async def scenario(life):
        await life.to_training()
        await life.to_the_end()
        before = len(life.server.requests)
        for _ in range(10):
            assert await life.wait(300) is None
        assert len(life.server.requests) == before

    live(scenario)


def test_an_hour_of_training_without_news_writes_nothing_and_reads_its_log_alone():
    async def scenario(life):
        await life.to_training()
        await life.wait(20)
        before = writes(life)
        asked = len(life.server.requests)
        for _ in range(240):
            assert await life.wait(15) <= 15
        assert writes(life) == before
        reads = Counter(r.address.sub or r.address.plural for r in life.server.requests[asked:])
        assert set(reads) == {"log"}
        assert reads["log"] <= 240

    live(scenario)


def test_progress_is_written_at_most_every_fifteen_seconds():
    async def scenario(life):
        await life.to_training()
        log = LOG
        before = len(life.server.made("PATCH", "unettrainings"))
        for second in range(60):
            log += f"epoch=1/40 step={second} loss=0.{second}\n"
            life.log(log)
            await life.wait(1)
        assert len(life.server.made("PATCH", "unettrainings")) - before <= 5
        assert life.status["training"]["step"] >= 44

    live(scenario)


def test_each_transition_is_told_once_in_its_order():
    async def scenario(life):
        await life.to_training()
        await life.to_the_end()
        assert life.events() == [
            "AttemptStarted",
            "WorkersReady",
            "Planned",
            "Trained",
            "Succeeded",
        ]

    live(scenario)


@pytest.mark.parametrize("moment", range(7))
def test_an_operator_that_is_killed_and_restarted_goes_on_where_it_was(moment):
    async def scenario(life):
        steps = [
            life.settle,
            life.workers_answer,
            life.meet,
            lambda: life.end("launcher"),
            lambda: life.end("evaluate"),
            lambda: life.end("report", said={"meanDice": 0.8, "cases": 3}),
            life.settle,
        ]
        for number, step in enumerate(steps):
            if number == moment:
                life.restart()
            await step()
            await life.settle()
        assert life.status["phase"] == "Succeeded"
        assert life.status["attempt"] == 1
        made = [r.body["metadata"]["name"] for r in life.server.made("POST", "jobs")]
        assert sorted(set(made)) == [
            "brain-evaluate-1",
            "brain-launcher-1",
            "brain-report-1",
            "brain-worker-1",
        ]

    live(scenario)


@pytest.mark.parametrize("plural", ["jobs", "unettrainings", "configmaps", "secrets"])
@pytest.mark.parametrize("way", ["lost answer", "cut", "500", "409", "429"])
def test_a_write_that_fails_once_changes_nothing_about_the_outcome(plural, way):
    async def scenario(life):
        fault = {
            "lost answer": life.server.do_and_hang_up,
            "cut": hang_up,
            "500": refuse(500),
            "409": refuse(409, "Conflict", "try again"),
            "429": too_many_requests(0),
        }[way]
        method = "PATCH" if plural == "unettrainings" else "POST"
        life.server.fault(fault, method=method, plural=plural)
        looks = 0
        while not life.job("worker"):
            looks += 1
            assert looks < 10
            try:
                await life.look()
            except ApiError:
                """The queue would bring it back."""
        await life.to_training()
        await life.to_the_end()
        assert life.status["phase"] == "Succeeded"
        assert life.status["attempt"] == 1

    live(scenario)


def test_a_lost_worker_makes_a_second_attempt_with_new_names_and_keys():
    async def scenario(life):
        await life.to_training()
        second = list(life.find_pods("worker"))[1]["metadata"]["name"]
        life.hand.end(NAMESPACE, second, 1)
        await life.settle()
        assert life.status["phase"] == "Restarting"
        assert "worker 1 ended with code 1" in life.status["message"]
        await life.end("launcher", code=13)
        await life.wait(1)
        await life.wait(300)
        assert life.status["attempt"] == 2
        assert life.status["failures"] == 1
        for plural, name in (
            ("jobs", "brain-worker-2"),
            ("configmaps", "brain-config-2"),
            ("secrets", f"brain-ssh-{UID[:8]}-2"),
        ):
            assert life.server.find(plural, name) is not None
        assert life.status["logs"]["launcher"] == "job/brain-launcher-2"

    live(scenario)


def test_ten_lost_attempts_cost_a_bounded_number_of_writes_each():
    async def scenario(life):
        await life.to_training()
        before = writes(life)
        for attempt in range(1, 11):
            await life.end("launcher", attempt, code=1, said={"cause": "crash"})
            await life.wait(10)
            await life.settle()
            await life.wait(600)
            assert life.status["attempt"] == attempt + 1
            await life.to_training(attempt + 1)
        after = writes(life)
        children, patches, events = (a - b for a, b in zip(after, before, strict=True))
        # Secret, ConfigMap, two Jobs, one suspended, Service and NetworkPolicy looked after.
        assert children <= 10 * 9
        assert patches <= 10 * 5
        assert events <= 10 * 3

    live(scenario, runPolicy={"backoffLimit": 20})


def test_a_namesake_made_anew_does_not_see_the_pods_of_the_first():
    other = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"

    async def scenario(life):
        for index in range(2):
            going = pod_body(
                "worker",
                1,
                index,
                name=f"old-{index}",
                owner=other,
                deletionTimestamp="2026-03-01T12:02:00Z",
            )
            await life.server.put("pods", going)
        await life.to_training()
        assert life.status["phase"] == "Training"
        assert life.status["attempt"] == 1

    live(scenario)
