"""Lists: every page, with its selector, and the version to watch from."""

from __future__ import annotations

from support.operator.bodies import config_map
from support.operator.client_scenario import NAMESPACE, error_of, run
from support.operator.kubernetes import refuse, say
from unet_operator.cluster.kinds import CONFIG_MAPS, EVENTS


def test_a_list_is_read_page_by_page_and_watched_from_its_last():
    async def scenario(server, cluster):
        server.page = 4
        for number in range(10):
            await server.put("configmaps", config_map(f"c{number:02d}"))
        found, since = await cluster.list(CONFIG_MAPS, NAMESPACE)
        assert [body["metadata"]["name"] for body in found] == [f"c{n:02d}" for n in range(10)]
        assert since == str(server.version)
        asked = server.made("GET", "configmaps")
        pages = [None, f"{since}:4", f"{since}:8"]
        assert [request.query.get("continue") for request in asked] == pages
        assert {request.query["limit"] for request in asked} == {"500"}

    run(scenario)


def test_every_page_is_asked_for_with_the_selector():
    async def scenario(server, cluster):
        server.page = 1
        for name in ("a", "b"):
            await server.put("configmaps", config_map(name, labels={"x": "1"}))
        await server.put("configmaps", config_map("c"))
        found, _ = await cluster.list(CONFIG_MAPS, NAMESPACE, labelSelector="x=1")
        assert len(found) == 2
        assert all(r.query["labelSelector"] == "x=1" for r in server.requests)

    run(scenario)


def test_a_page_whose_token_has_expired_says_so():
    async def scenario(server, cluster):
        server.page = 1
        for name in ("a", "b"):
            await server.put("configmaps", config_map(name))
        pages = cluster.pages(CONFIG_MAPS, NAMESPACE)
        await anext(pages)
        server.fault(refuse(410, "Expired", "The provided continue parameter is too old"))
        await anext(pages)

    assert error_of(scenario).status == 410


def test_an_answer_that_is_no_list_is_an_error_and_not_an_empty_list():
    async def scenario(server, cluster):
        server.fault(say('{"kind": "APIResourceList", "resources": []}'))
        await cluster.list(CONFIG_MAPS, NAMESPACE)

    error = error_of(scenario)
    assert (error.status, error.reason) == (0, "Garbled")


def test_events_are_found_by_the_object_they_are_about():
    def event(name, uid, type_):
        return {
            "metadata": {"name": name, "namespace": NAMESPACE},
            "involvedObject": {"uid": uid},
            "type": type_,
        }

    async def scenario(server, cluster):
        await server.put("events", event("e1", "u1", "Warning"))
        await server.put("events", event("e2", "u2", "Warning"))
        await server.put("events", event("e3", "u1", "Normal"))
        found, _ = await cluster.list(
            EVENTS, NAMESPACE, fieldSelector="involvedObject.uid=u1,type=Warning"
        )
        assert [body["metadata"]["name"] for body in found] == ["e1"]

    run(scenario)
