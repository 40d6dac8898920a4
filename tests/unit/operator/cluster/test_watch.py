"""The watch of Jobs and pods: nothing is missed, nothing foreign is read, no fault is for ever."""

from __future__ import annotations

import asyncio
import logging

import pytest
from support.operator.bodies import job_body, pod_body
from support.operator.kubernetes import break_off, hang_up, refuse, say, serving
from support.operator.making import NAME, NAMESPACE, UID
from unet_operator.cluster import watch as module
from unet_operator.cluster.kinds import JOBS, PODS
from unet_operator.cluster.watch import Watch
from unet_operator.observe.store import Store

KEY = (NAMESPACE, NAME)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Faults are waited out in milliseconds."""
    monkeypatch.setattr(module, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(module, "LONGEST_DELAY", 0.01)


class Watched:
    """A store that a running watch keeps, and whom it reported."""

    def __init__(self, server, cluster, kind, namespace):
        self.server, self.store, self.touched = server, Store(), []
        self._changed = asyncio.Condition()
        self.watch = Watch(cluster, self.store, kind, namespace, self._touch)

    def _touch(self, key):
        self.touched.append(key)
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self):
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition):
        """Waits until the store is as wanted."""
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(condition)

    def pods(self):
        """Names of the training's pods in the store."""
        return {pod.name for pod in self.store.pods(KEY, UID)}

    def lists(self):
        """Lists that were asked for."""
        return [r for r in self.server.made("GET") if r.query.get("watch") != "true"]

    def watches(self):
        """Watches that were asked for."""
        return [r for r in self.server.made("GET") if r.query.get("watch") == "true"]

    async def watching(self, count: int = 1):
        """Waits until the server has been asked for so many watches."""
        async with asyncio.timeout(30):
            while len(self.watches()) < count:
                await asyncio.sleep(0.001)


def run(scenario, kind=PODS, namespace=NAMESPACE, before=()):
    """Runs a scenario beside a watch; `before` is there before the watch begins."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            for body in before:
                await server.put(kind.plural, body)
            watched = Watched(server, cluster, kind, namespace)
            task = asyncio.create_task(watched.watch.run())
            try:
                await scenario(server, watched)
                assert not task.done(), task.exception()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_what_is_there_already_is_listed_before_it_is_in_step():
    async def scenario(server, watched):
        assert not watched.watch.synced.is_set()
        await watched.watch.synced.wait()
        assert watched.pods() == {"brain-worker-1-0", "brain-worker-1-1"}
        assert watched.touched == [KEY, KEY]

    run(scenario, before=[pod_body(index=0), pod_body(index=1)])


def test_what_comes_changes_and_goes_is_followed():
    async def scenario(server, watched):
        await watched.watch.synced.wait()
        await server.put("pods", pod_body(index=0))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0"})
        await server.put("pods", pod_body(index=0, status={"phase": "Failed"}))
        await watched.until(lambda: watched.store.pods(KEY, UID)[0].phase == "Failed")
        await server.remove("pods", "brain-worker-1-0")
        await watched.until(lambda: watched.pods() == set())
        assert len(watched.lists()) == 1

    run(scenario)


def test_jobs_are_followed_too():
    async def scenario(server, watched):
        await server.put("jobs", job_body("launcher"))
        await watched.until(lambda: "brain-launcher-1" in watched.store.jobs(KEY, UID))

    run(scenario, kind=JOBS)


def test_only_what_carries_our_label_is_read():
    foreign = pod_body(name="foreign")
    foreign["metadata"]["labels"] = {"app": "web"}

    async def scenario(server, watched):
        await watched.watch.synced.wait()
        await server.put("pods", {**foreign, "metadata": {**foreign["metadata"], "name": "f2"}})
        await server.put("pods", pod_body(index=0))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0"})
        assert watched.touched == [KEY]
        selectors = {r.query["labelSelector"] for r in server.made("GET")}
        assert selectors == {"app.kubernetes.io/managed-by=unet-operator"}

    run(scenario, before=[foreign])


@pytest.mark.parametrize(
    ("namespace", "expected"), [("clinic", {"brain-worker-1-0"}), (None, {"brain-worker-1-0"})]
)
def test_one_namespace_is_watched_or_all(namespace, expected):
    elsewhere = pod_body(index=5)
    elsewhere["metadata"]["namespace"] = "elsewhere"

    async def scenario(server, watched):
        await watched.watch.synced.wait()
        assert watched.pods() == expected
        found = watched.store.pods(("elsewhere", NAME), UID)
        assert len(found) == (0 if namespace else 1)

    run(scenario, namespace=namespace, before=[pod_body(index=0), elsewhere])


def test_after_410_it_lists_anew_and_forgets_what_went_meanwhile():
    async def scenario(server, watched):
        await watched.watching()
        del server.objects["pods", NAMESPACE, "brain-worker-1-0"]
        await server.forget()
        await watched.until(lambda: watched.pods() == set())
        await server.put("pods", pod_body(index=1))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-1"})
        assert len(watched.lists()) == 2

    run(scenario, before=[pod_body(index=0)])


def test_a_watch_that_ends_in_peace_goes_on_without_a_list():
    async def scenario(server, watched):
        await watched.watching()
        await server.cut()
        await watched.watching(2)
        await server.put("pods", pod_body(index=1))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0", "brain-worker-1-1"})
        assert len(watched.lists()) == 1

    run(scenario, before=[pod_body(index=0)])


@pytest.mark.parametrize(
    "answer",
    [hang_up, break_off('{"type": "AD'), say("<html>"), refuse(500), refuse(429), say("")],
    ids=["hung up", "cut", "garbage", "500", "429", "ended at once"],
)
def test_after_any_other_fault_it_goes_on_from_where_it_was(answer):
    async def scenario(server, watched):
        server.fault(answer, method="GET", times=3)
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0"})
        await watched.watching(1)
        before = len(watched.lists())
        for fault in list(server.faults):
            server.faults.remove(fault)
        await server.put("pods", pod_body(index=1))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0", "brain-worker-1-1"})
        assert len(watched.lists()) == before, "a fault that is no 410 needs no new list"

    run(scenario, before=[pod_body(index=0)])


def test_a_list_that_fails_is_tried_again_until_it_is_whole():
    async def scenario(server, watched):
        server.page = 1
        server.fault(refuse(503), times=2)
        await watched.watch.synced.wait()
        assert watched.pods() == {"brain-worker-1-0", "brain-worker-1-1"}

    run(scenario, before=[pod_body(index=0), pod_body(index=1)])


def test_what_went_while_nobody_watched_is_reported_by_the_next_list():
    async def scenario(server, watched):
        watched.store.put("pods", pod_body(index=7, at=1))
        await watched.watch.synced.wait()
        assert watched.pods() == set()
        assert watched.touched == [KEY]

    run(scenario)


def test_waits_after_faults_grow_and_news_makes_them_short_again(monkeypatch, caplog):
    monkeypatch.setattr(module, "LONGEST_DELAY", 1.0)

    async def scenario(server, watched):
        await watched.watching()
        server.fault(refuse(500), method="GET", times=4)
        watched.watch._version = ""
        await server.put("pods", pod_body(index=0))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0"})
        assert watched.watch._delay == 0.001

    with caplog.at_level(logging.WARNING):
        run(scenario)


def test_an_object_that_cannot_be_read_is_left_out_and_told(caplog):
    spoilt = pod_body(index=0)
    spoilt["status"]["conditions"] = "none"

    async def scenario(server, watched):
        await watched.watch.synced.wait()
        await server.put("pods", {**spoilt, "metadata": {**spoilt["metadata"], "name": "also"}})
        await server.put("pods", pod_body(index=1))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-1"})

    run(scenario, before=[spoilt])
    told = [r.getMessage() for r in caplog.records if "cannot be read" in r.getMessage()]
    assert told == [
        "pods brain-worker-1-0 cannot be read and is left out",
        "pods also cannot be read and is left out",
    ]


def test_a_bookmark_moves_the_place_to_go_on_from_and_touches_nobody():
    async def scenario(server, watched):
        await watched.watching()
        await server.put("pods", pod_body(index=0))
        await watched.until(lambda: watched.pods() == {"brain-worker-1-0"})
        await server.bookmark()
        mark = str(server.version)
        async with asyncio.timeout(30):
            while watched.watch._version != mark:
                await asyncio.sleep(0.001)
        assert watched.touched == [KEY]

    run(scenario)
