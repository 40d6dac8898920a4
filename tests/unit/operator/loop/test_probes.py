"""Probes and metrics, asked for over HTTP as kubelet and Prometheus do."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.operator.bodies import training_body
from unet_operator.loop.metrics import LAG_PERIOD, Metrics
from unet_operator.loop.probes import LAGGING, STALLED, Health, serve
from unet_operator.observe.store import Store


class Work:
    """A queue, a loop and a clock, as a test sets them."""

    def __init__(self) -> None:
        self.depth = self.handled = 0
        self.lag = self.now = 0.0
        self.health = Health(
            lambda: self.depth, lambda: self.handled, lambda: self.lag, lambda: self.now
        )


def test_an_idle_operator_is_well_for_ever():
    work = Work()
    work.now = 1e9
    assert work.health.fault() == ""


def test_work_that_gets_done_is_well_however_much_waits():
    work = Work()
    work.depth = 1000
    for _ in range(100):
        work.now += STALLED
        work.handled += 1
        assert work.health.fault() == ""


def test_work_that_waits_with_none_done_is_a_fault_after_a_while():
    work = Work()
    work.depth = 1
    work.now = STALLED
    assert work.health.fault() == ""
    work.now += 0.1
    assert "no look finished" in work.health.fault()


def test_work_that_comes_after_a_long_rest_has_its_own_time():
    work = Work()
    work.now = 1e6
    assert work.health.fault() == ""
    work.depth = 1
    assert work.health.fault() == ""
    work.now += STALLED + 1
    assert work.health.fault() != ""


def test_one_piece_of_work_done_makes_it_well_again():
    work = Work()
    work.depth = 1
    work.now = STALLED + 1
    assert work.health.fault() != ""
    work.handled += 1
    assert work.health.fault() == ""


def test_a_loop_that_lags_is_a_fault():
    work = Work()
    work.lag = LAGGING
    assert work.health.fault() == ""
    work.lag += 0.1
    assert "the event loop lags by 30.1 s" in work.health.fault()


def ask(path: str, work: Work, metrics: Metrics, *, ready: bool = True) -> tuple[int, str, str]:
    """(status, text, content type) of one answer."""

    async def main():
        runner = await serve(0, work.health, lambda: ready, metrics)
        port = next(address[1] for address in runner.addresses if len(address) == 2)  # IPv4's
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{port}{path}") as answer,
            ):
                return answer.status, await answer.text(), answer.headers["Content-Type"]
        finally:
            await runner.cleanup()

    return asyncio.run(main())


def test_healthz_is_ok_while_work_gets_done():
    assert ask("/healthz", Work(), Metrics(Store()))[:2] == (200, "ok")


def test_healthz_says_what_is_wrong():
    work = Work()
    work.lag = 100
    status, text, _ = ask("/healthz", work, Metrics(Store()))
    assert status == 500
    assert "lags by 100.0 s" in text


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_readyz_waits_for_the_first_lists(ready, status):
    found, text, _ = ask("/readyz", Work(), Metrics(Store()), ready=ready)
    assert found == status
    assert ready or "first lists" in text


@pytest.mark.parametrize("path", ["/", "/debug", "/healthz/x"])
def test_nothing_else_is_served(path):
    assert ask(path, Work(), Metrics(Store()))[0] == 404


def samples(metrics: Metrics, path: str = "/metrics") -> dict[tuple, float]:
    """What Prometheus would read: {(name, labels): value}."""
    _, text, content = ask(path, Work(), metrics)
    assert content.startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_trainings_are_counted_by_phase():
    store = Store()
    for number, phase in enumerate(["Training", "Training", "Failed", None]):
        status = {"phase": phase} if phase else {}
        store.put_training(training_body(f"t{number}", status=status))
    found = samples(Metrics(store))
    assert found["unet_trainings", "Training"] == 2
    assert found["unet_trainings", "Failed"] == 1
    assert found["unet_trainings", "Pending"] == 1, "one that was not looked at yet"


def test_a_phase_that_is_over_is_not_counted_any_more():
    store = Store()
    metrics = Metrics(store)
    store.put_training(training_body(status={"phase": "Training"}))
    assert samples(metrics)["unet_trainings", "Training"] == 1
    store.put_training(training_body(status={"phase": "Succeeded"}))
    assert ("unet_trainings", "Training") not in samples(metrics)


def test_requests_are_counted_by_method_kind_and_code():
    metrics = Metrics(Store())
    metrics.count("GET", "pods", 200)
    metrics.count("GET", "pods", 200)
    metrics.count("PATCH", "jobs", 0)
    found = samples(metrics)
    assert found["unet_operator_api_requests_total", "200", "GET", "pods"] == 2
    assert found["unet_operator_api_requests_total", "0", "PATCH", "jobs"] == 1


def test_every_documented_metric_is_there():
    metrics = Metrics(Store())
    metrics.count("GET", "pods", 200)
    with metrics.reconcile.time():
        pass
    metrics.failures.inc()
    names = {name for name, *_ in samples(metrics)}
    assert {
        "unet_operator_reconcile_seconds_count",
        "unet_operator_reconcile_failures_total",
        "unet_operator_queue_depth",
        "unet_operator_loop_lag_seconds",
        "unet_operator_api_requests_total",
        "unet_operator_leading",
    } <= names


def test_two_operators_in_one_process_do_not_share_metrics():
    one, two = Metrics(Store()), Metrics(Store())
    one.leading = True
    assert samples(one)["unet_operator_leading",] == 1
    assert samples(two)["unet_operator_leading",] == 0


def test_the_lag_is_what_a_blocked_loop_makes_its_timers_late():
    metrics = Metrics(Store())

    async def main():
        measuring = asyncio.create_task(metrics.measure_lag())
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        until = loop.time() + LAG_PERIOD + 0.2
        while loop.time() < until:
            pass
        async with asyncio.timeout(30):
            while metrics.lag == 0:
                await asyncio.sleep(0.01)
        measuring.cancel()

    asyncio.run(main())
    assert metrics.lag >= 0.2


def test_a_port_that_is_taken_is_an_error_and_not_a_silent_probe():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()

        async def main():
            await serve(taken.getsockname()[1], Work().health, lambda: True, Metrics(Store()))

        with pytest.raises(OSError, match="address already in use"):
            asyncio.run(main())
