"""The parts put together, without kopf: news in, work done, faults survived, an end in order."""

from __future__ import annotations

import asyncio
import json
import logging
import socket

import aiohttp
import pytest
from support.operator.api_server import client, refuse, serving
from support.operator.bodies import pod_body, training_body
from support.operator.making import NAME, NAMESPACE
from unet_operator.cluster import leader
from unet_operator.cluster.watch import Watch
from unet_operator.loop import operator as run
from unet_operator.loop.operator import CannotStart, Operator
from unet_operator.loop.reconcile import Reconciler
from unet_operator.loop.settings import Settings

KEY = (NAMESPACE, NAME)


class Running:
    """An operator that runs against the small API server."""

    def __init__(self, server, port: int, **settings: object) -> None:
        self.server, self.port = server, port
        self.stopped = asyncio.Event()
        base = {
            "training_image": "image:1",
            "port": port,
            "leader_election": False,
            "own_namespace": "unet-system",
            "identity": "one",
        }
        self.operator = Operator(Settings(**{**base, **settings}), self.stopped.set)

    async def apply(self, name: str = NAME, *, told: bool = True) -> None:
        """A user applies a training; `told` is whether kopf brings the news."""
        body = await self.server.put("unettrainings", training_body(name, uid=f"uid-{name}"))
        if told:
            self.operator.training_changed("ADDED", body)

    async def until(self, condition) -> None:
        """Waits until the world is as wanted."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)

    def job(self, name: str = NAME, role: str = "worker") -> dict | None:
        """A training's Job."""
        return self.server.find("jobs", f"{name}-{role}-1")

    async def ask(self, path: str) -> tuple[int, str]:
        """What its HTTP server says."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Plays a scenario with a running operator; `before` prepares the server."""
    monkeypatch.setattr(leader, "PERIOD", 0.005)

    def free() -> int:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return found.getsockname()[1]

    def configure(url: str) -> None:
        named = {"name": "x"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "contexts": [{**named, "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{**named, "cluster": {"server": url}}],
            "users": [{**named, "user": {}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        monkeypatch.setattr(
            "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path)
        )

    def start(scenario, before=None, **settings):
        async def main():
            async with asyncio.timeout(60), serving() as (server, _):
                configure(server.url)
                for name in ("msd", "results"):
                    meta = {"name": name, "namespace": NAMESPACE}
                    spec = {"accessModes": ["ReadWriteMany"]}
                    await server.put("persistentvolumeclaims", {"metadata": meta, "spec": spec})
                if before is not None:
                    await before(server)
                running = Running(server, settings.pop("port", None) or free(), **settings)
                try:
                    await running.operator.start()
                    await scenario(running)
                finally:
                    await running.operator.close()

        asyncio.run(main())

    return start


def test_news_of_a_training_is_worked_on_at_once(play):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        assert running.server.find("unettrainings", NAME)["status"]["phase"] == "Starting"

    play(scenario)


def test_news_of_its_pods_is_worked_on_too(play):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        for index in range(2):
            await running.server.put("pods", pod_body(index=index, owner=f"uid-{NAME}"))
        await running.until(lambda: running.job(role="launcher"))

    play(scenario)


def test_it_is_ready_when_both_lists_are_in(play):
    async def scenario(running):
        async with asyncio.timeout(30):
            while (await running.ask("/readyz"))[0] != 200:
                await asyncio.sleep(0.005)
        listed = {r.address.plural for r in running.server.made("GET") if "limit" in r.query}
        assert {"jobs", "pods"} <= listed

    play(scenario)


def test_a_training_that_nobody_told_of_is_found_by_the_next_resync(play, monkeypatch):
    monkeypatch.setattr(run, "RESYNC", 0.05)

    async def scenario(running):
        await running.apply(told=False)
        await running.until(running.job)

    play(scenario)


def test_a_training_that_went_unseen_is_forgotten_by_the_next_resync(play, monkeypatch):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        monkeypatch.setattr(run, "RESYNC", 0.05)
        await running.server.remove("unettrainings", NAME)
        await running.until(lambda: running.operator._store.training(KEY) is None)

    monkeypatch.setattr(run, "RESYNC", 0.2)
    play(scenario)


def test_a_resync_that_fails_is_followed_by_another(play, monkeypatch):
    monkeypatch.setattr(run, "RESYNC", 0.05)

    async def scenario(running):
        running.server.fault(refuse(500), method="GET", plural="unettrainings", times=2)
        await running.apply(told=False)
        await running.until(running.job)

    play(scenario)


def test_a_deleted_training_is_let_go(play):
    async def scenario(running):
        await running.apply()
        await running.until(running.job)
        body = running.server.find("unettrainings", NAME)
        await running.server.remove("unettrainings", NAME)
        running.operator.training_changed("DELETED", body)
        assert running.operator._store.training(KEY) is None
        await running.until(lambda: len(running.operator._queue) == 0)

    play(scenario)


def test_a_fault_in_one_training_does_not_stop_the_others(play, monkeypatch, caplog):
    whole = Reconciler.reconcile

    async def faulty(self, key):
        if key[1] == "poison":
            raise RuntimeError("a fault of ours")
        return await whole(self, key)

    monkeypatch.setattr(Reconciler, "reconcile", faulty)

    async def scenario(running):
        await running.apply("poison")
        await running.apply("sound")
        await running.until(lambda: running.job("sound"))
        assert not running.stopped.is_set()
        text = (await running.ask("/metrics"))[1]
        assert "unet_operator_reconcile_failures_total 1.0" in text

    with caplog.at_level(logging.ERROR):
        play(scenario)
    told = [r for r in caplog.records if r.getMessage() == "fault in the operator"]
    assert {r.training for r in told} == {f"{NAMESPACE}/poison"}
    assert told[0].exc_info


def test_a_part_that_fails_stops_the_operator(play, monkeypatch, caplog):
    async def broken(self):
        raise RuntimeError("no watch any more")

    monkeypatch.setattr(Watch, "run", broken)

    async def scenario(running):
        async with asyncio.timeout(30):
            await running.stopped.wait()

    with caplog.at_level(logging.ERROR):
        play(scenario)
    assert "a part of the operator failed" in caplog.text


async def held_by_another(server):
    """Somebody else leads."""
    await server.put(
        "leases",
        {
            "metadata": {"name": "unet-operator", "namespace": "unet-system"},
            "spec": {"holderIdentity": "another", "leaseDurationSeconds": 15},
        },
    )


def test_while_another_leads_it_watches_and_writes_nothing(play):
    async def scenario(running):
        await running.apply()
        await running.server.put("pods", pod_body(index=0, owner=f"uid-{NAME}"))
        await running.until(lambda: len(running.server.made("GET", "leases")) > 5)
        assert len(running.operator._store.pods(KEY, f"uid-{NAME}")) == 1
        assert [r.method for r in running.server.requests if r.method != "GET"] == []
        assert "unet_operator_leading 0.0" in (await running.ask("/metrics"))[1]
        assert (await running.ask("/healthz"))[0] == 200

    play(scenario, held_by_another, leader_election=True)


def test_when_the_lead_is_free_it_takes_up_what_waits(play):
    async def scenario(running):
        await running.apply()
        await running.until(lambda: running.server.made("GET", "leases"))
        await running.server.remove("leases", "unet-operator", "unet-system")
        await running.until(running.job)
        assert "unet_operator_leading 1.0" in (await running.ask("/metrics"))[1]

    play(scenario, held_by_another, leader_election=True)


def test_a_lost_lease_stops_it(play):
    async def scenario(running):
        await running.until(lambda: running.server.find("leases", "unet-operator", "unet-system"))
        lease = running.server.find("leases", "unet-operator", "unet-system")
        stolen = {**lease["spec"], "holderIdentity": "thief"}
        await running.server.put("leases", {**lease, "spec": stolen})
        async with asyncio.timeout(30):
            await running.stopped.wait()
        assert "unet_operator_leading 0.0" in (await running.ask("/metrics"))[1]

    play(scenario, leader_election=True)


def test_at_its_end_it_gives_up_the_lead_and_closes_every_part(play):
    kept = []

    async def scenario(running):
        kept.append(running)
        await running.until(lambda: running.server.find("leases", "unet-operator", "unet-system"))
        await running.until(lambda: running.operator._leader is not None)

    play(scenario, leader_election=True)
    (running,) = kept
    assert (
        running.server.find("leases", "unet-operator", "unet-system")["spec"]["holderIdentity"]
        == ""
    )
    assert not running.operator._tasks
    with socket.socket() as again:
        again.bind(("127.0.0.1", running.port))


def test_without_a_cluster_it_cannot_start(tmp_path, monkeypatch):
    missing = str(tmp_path / "absent")
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", missing)

    async def main():
        operator = Operator(Settings(), lambda: None)
        try:
            await operator.start()
        finally:
            await operator.close()

    with pytest.raises(CannotStart, match="KUBECONFIG"):
        asyncio.run(main())


def test_with_an_api_server_that_does_not_answer_it_cannot_start(monkeypatch):
    async def nobody(*_):
        return client("http://127.0.0.1:1")

    monkeypatch.setattr(run, "connect", nobody)

    async def main():
        operator = Operator(Settings(training_image="image:1", port=0), lambda: None)
        try:
            await operator.start()
        finally:
            await operator.close()

    with pytest.raises(CannotStart, match=r"127\.0\.0\.1:1: no answer .* check KUBECONFIG"):
        asyncio.run(main())


def test_with_its_port_taken_it_cannot_start(play):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def never(running):
            raise AssertionError("it started")

        with pytest.raises(CannotStart, match=f"port {port} .*UNET_OPERATOR_PORT"):
            play(never, port=port)
