"""One watch: its events and bookmarks, its end, and how it is cut."""

from __future__ import annotations

import pytest
from support.operator.bodies import config_map
from support.operator.client_scenario import NAMESPACE, error_of, run
from support.operator.kubernetes import break_off, refuse, say
from unet_operator.cluster.kinds import CONFIG_MAPS


async def gather(cluster, version, count, seconds=30):
    """The first `count` events of a watch."""
    told = []
    async for type_, body in cluster.watch(CONFIG_MAPS, NAMESPACE, version, seconds):
        told.append((type_, body["metadata"].get("name")))
        if len(told) == count:
            break
    return told


def test_a_watch_asks_for_bookmarks_and_passes_them_on():
    async def scenario(server, cluster):
        version = str(server.version)
        await server.put("configmaps", config_map("a"))
        await server.bookmark()
        assert await gather(cluster, version, 2) == [("ADDED", "a"), ("BOOKMARK", None)]
        (asked,) = server.made("GET", "configmaps")
        assert asked.query["allowWatchBookmarks"] == "true"
        assert asked.query["resourceVersion"] == version

    run(scenario)


def test_a_watch_ends_when_its_time_is_over():
    async def scenario(server, cluster):
        assert await gather(cluster, str(server.version), 1, seconds=0) == []

    run(scenario)


def test_a_watch_from_a_version_that_is_forgotten_says_410():
    async def scenario(server, cluster):
        server.forgotten = server.version + 1
        await gather(cluster, str(server.version), 1)

    error = error_of(scenario)
    assert (error.status, error.reason) == (410, "Expired")


def test_a_watch_that_is_refused_outright_says_why():
    async def scenario(server, cluster):
        server.fault(refuse(403, "Forbidden", "cannot watch"))
        await gather(cluster, "1", 1)

    assert error_of(scenario).status == 403


@pytest.mark.parametrize(
    "answer",
    [
        break_off('{"type": "ADDED", "obj'),
        break_off(""),
        say('{"type": "ADDED", "obj'),
        say('{"kind": "Status"}'),
    ],
    ids=["in the middle of a line", "before a line", "with half a line", "no event at all"],
)
def test_a_watch_that_is_cut_is_an_error_and_not_an_event(answer):
    async def scenario(server, cluster):
        server.fault(answer)
        await gather(cluster, "1", 1)

    assert error_of(scenario).status == 0


def test_an_object_as_large_as_etcd_takes_passes_the_watch():
    async def scenario(server, cluster):
        version = str(server.version)
        await server.put("configmaps", config_map("big", annotations={"x": "y" * 1_500_000}))
        assert await gather(cluster, version, 1) == [("ADDED", "big")]

    run(scenario)
