"""The client: every answer that an API server, a proxy or a cut cable may give."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from support.operator.api_server import (
    CONFIG_MAP,
    ApiServer,
    break_off,
    client,
    config_map,
    hang_up,
    refuse,
    say,
    serving,
)
from support.operator.statements import STATEMENTS
from unet_operator.cluster import rate_limit
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import CONFIG_MAPS, EVENTS, JOBS, POD_GROUPS, TRAININGS, Kind
from unet_operator.cluster.rate_limit import TokenBucket

NAMESPACE = "clinic"


def run(scenario):
    """Runs a scenario against a fresh server; it must not hang."""

    async def main():
        async with asyncio.timeout(60), serving() as (server, cluster):
            return await scenario(server, cluster)

    return asyncio.run(main())


def told(scenario) -> ApiError:
    """The error that a scenario ends with."""
    with pytest.raises(ApiError) as found:
        run(scenario)
    return found.value


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.__name__)
def test_the_small_server_keeps(statement):
    run(lambda _, cluster: statement(cluster, NAMESPACE))


async def read(server: ApiServer, cluster):
    """Reads one object."""
    return await cluster.get(CONFIG_MAP, NAMESPACE, "x")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind("v1", "pods"), "/api/v1/namespaces/n/pods"),
        (JOBS, "/apis/batch/v1/namespaces/n/jobs"),
        (TRAININGS, "/apis/unet.dev/v1alpha1/namespaces/n/unettrainings"),
    ],
)
def test_a_kind_knows_its_path(kind, path):
    assert kind.path("n") == path
    assert kind.path("n", "x", "status") == f"{path}/x/status"
    assert kind.path(None) == path.replace("/namespaces/n", "")


@pytest.mark.parametrize("code", [400, 401, 403, 410, 422, 429, 500, 502, 503, 504])
def test_a_refusal_carries_the_server_s_code_reason_and_words(code):
    async def scenario(server, cluster):
        server.fault(refuse(code, "TheReason", "the words"))
        await read(server, cluster)

    error = told(scenario)
    assert (error.status, error.reason, error.message) == (code, "TheReason", "the words")
    assert str(error) == f"{code} TheReason: the words"


@pytest.mark.parametrize("text", ["<html>bad gateway</html>", "", "[1]", '"x"', "null"])
def test_a_refusal_that_is_not_kubernetes_own_is_told_too(text):
    async def scenario(server, cluster):
        server.fault(say(text, 502))
        await read(server, cluster)

    error = told(scenario)
    assert error.status == 502
    assert text in error.message


def test_a_long_page_of_a_proxy_is_cut():
    async def scenario(server, cluster):
        server.fault(say("x" * 10_000, 502))
        await read(server, cluster)

    assert len(told(scenario).message) == 500


def test_no_answer_is_an_error_without_a_code():
    async def scenario(server, cluster):
        # Twice: aiohttp itself asks once more when a connection is closed under a GET.
        server.fault(hang_up, times=2)
        await read(server, cluster)

    error = told(scenario)
    assert (error.status, error.reason) == (0, "NoAnswer")
    assert error.message


def test_nobody_listening_is_an_error_without_a_code():
    async def main():
        cluster = client("http://127.0.0.1:1")
        try:
            await cluster.get(CONFIG_MAP, NAMESPACE, "x")
        finally:
            await cluster.close()

    with pytest.raises(ApiError) as found:
        asyncio.run(main())
    assert found.value.status == 0


@pytest.mark.parametrize("code", [200, 500])
def test_an_answer_that_breaks_off_is_an_error_without_a_code(code):
    async def scenario(server, cluster):
        server.fault(break_off('{"metadata": {"name"', code))
        await read(server, cluster)

    assert told(scenario).reason == "NoAnswer"


def test_an_answer_that_is_no_json_is_told_with_its_beginning():
    async def scenario(server, cluster):
        server.fault(say("<html>please log in</html>"))
        await read(server, cluster)

    error = told(scenario)
    assert error.status == 0
    assert "please log in" in error.message


async def never(request):
    """Says nothing at all."""
    await asyncio.Event().wait()


async def slowly(request):
    """Begins an answer and never comes to its end."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'{"metadata": ')
    await asyncio.Event().wait()


@pytest.mark.parametrize("answer", [never, slowly])
def test_a_server_that_does_not_come_to_an_end_is_given_up(answer):
    async def main():
        async with asyncio.timeout(60), serving() as (server, _):
            server.fault(answer)
            cluster = client(server.url, timeout=0.2)
            try:
                await read(server, cluster)
            finally:
                await cluster.close()

    with pytest.raises(ApiError) as found:
        asyncio.run(main())
    assert (found.value.status, found.value.reason) == (0, "NoAnswer")


def test_a_429_holds_every_request_for_as_long_as_the_server_asks():
    waits = []

    class Watched(TokenBucket):
        """Notes what it is told."""

        def hold(self, seconds):
            waits.append(seconds)

    async def main(headers):
        async with serving(Watched(1e6, 10**6)) as (server, cluster):
            server.fault(refuse(429, "TooManyRequests", "slow down", headers))
            with pytest.raises(ApiError) as found:
                await cluster.get(CONFIG_MAP, NAMESPACE, "x")
            assert found.value.status == 429
            assert await cluster.get(CONFIG_MAP, NAMESPACE, "x") is None

    asyncio.run(main({"Retry-After": "7"}))
    asyncio.run(main({}))
    asyncio.run(main({"Retry-After": "Sun, 01 Mar 2026 12:00:00 GMT"}))
    assert waits == [7, 1, 1]


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_bucket_lets_a_burst_through_and_then_keeps_the_rate():
    bucket = TokenBucket(10, 2, Clock())
    delays = [bucket.delay() for _ in range(5)]
    assert delays == [0, 0, *(pytest.approx(n / 10) for n in (1, 2, 3))]


def test_the_bucket_fills_again_but_not_above_the_burst():
    clock = Clock()
    bucket = TokenBucket(10, 3, clock)
    for _ in range(3):
        bucket.delay()
    clock.now += 0.1
    assert bucket.delay() == pytest.approx(0)
    assert bucket.delay() == pytest.approx(0.1)
    clock.now += 3600
    assert [bucket.delay() for _ in range(4)] == [0, 0, 0, pytest.approx(0.1)]


def test_a_held_bucket_delays_all_until_the_time_is_over():
    clock = Clock()
    bucket = TokenBucket(10, 5, clock)
    bucket.hold(4)
    assert bucket.delay() == pytest.approx(4)
    bucket.hold(1)
    assert bucket.delay() == pytest.approx(4), "a shorter hold does not lift a longer one"
    clock.now += 4
    assert bucket.delay() == 0


def test_a_server_cannot_hold_us_for_ever():
    bucket = TokenBucket(10, 5, Clock())
    bucket.hold(1e9)
    assert bucket.delay() == rate_limit.LONGEST_HOLD


def test_every_request_is_counted_with_its_outcome():
    counted = []

    async def main():
        async with serving() as (server, _):
            cluster = client(server.url, count=lambda *what: counted.append(what))
            server.fault(hang_up, method="DELETE", times=2)
            await cluster.get(CONFIG_MAP, NAMESPACE, "x")
            await cluster.create(CONFIG_MAP, NAMESPACE, config_map("x"))
            with pytest.raises(ApiError):
                await cluster.delete(CONFIG_MAP, NAMESPACE, "x", "u")
            await cluster.logs(NAMESPACE, "p", "c", 1)
            await cluster.close()

    asyncio.run(main())
    assert counted == [
        ("GET", "configmaps", 404),
        ("POST", "configmaps", 201),
        ("DELETE", "configmaps", 0),
        ("GET", "pods/log", 400),
    ]


def test_a_list_is_read_page_by_page_and_watched_from_its_last():
    async def scenario(server, cluster):
        server.page = 4
        for number in range(10):
            await server.put("configmaps", config_map(f"c{number:02d}"))
        found, since = await cluster.list(CONFIG_MAPS, NAMESPACE)
        assert [body["metadata"]["name"] for body in found] == [f"c{n:02d}" for n in range(10)]
        assert since == str(server.version)
        asked = server.made("GET", "configmaps")
        assert [request.query.get("continue") for request in asked] == [None, "4", "8"]
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

    assert told(scenario).status == 410


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

    error = told(scenario)
    assert (error.status, error.reason) == (410, "Expired")


def test_a_watch_that_is_refused_outright_says_why():
    async def scenario(server, cluster):
        server.fault(refuse(403, "Forbidden", "cannot watch"))
        await gather(cluster, "1", 1)

    assert told(scenario).status == 403


@pytest.mark.parametrize(
    "answer",
    [break_off('{"type": "ADDED", "obj'), break_off(""), say('{"type": "ADDED", "obj')],
    ids=["in the middle of a line", "before a line", "with half a line"],
)
def test_a_watch_that_is_cut_is_an_error_and_not_an_event(answer):
    async def scenario(server, cluster):
        server.fault(answer)
        await gather(cluster, "1", 1)

    assert told(scenario).status == 0


def test_an_object_as_large_as_etcd_takes_passes_the_watch():
    async def scenario(server, cluster):
        version = str(server.version)
        await server.put("configmaps", config_map("big", annotations={"x": "y" * 1_500_000}))
        assert await gather(cluster, version, 1) == [("ADDED", "big")]

    run(scenario)


def test_writes_carry_our_name_and_the_right_kind_of_patch():
    async def scenario(server, cluster):
        body = config_map("x")
        made = await cluster.create(CONFIG_MAPS, NAMESPACE, body)
        await cluster.patch(CONFIG_MAPS, NAMESPACE, "x", {"data": {"a": "2"}})
        await cluster.apply(CONFIG_MAPS, NAMESPACE, body)
        await cluster.delete(CONFIG_MAPS, NAMESPACE, "x", made["metadata"]["uid"])
        post, patch, apply, delete = server.requests
        assert {r.query["fieldManager"] for r in (post, patch, apply)} == {"unet-operator"}
        assert patch.headers["Content-Type"] == "application/merge-patch+json"
        assert apply.headers["Content-Type"] == "application/apply-patch+yaml"
        assert apply.query["force"] == "true"
        assert delete.body == {
            "propagationPolicy": "Background",
            "preconditions": {"uid": made["metadata"]["uid"]},
        }

    run(scenario)


def test_a_status_patch_touches_nothing_else():
    async def scenario(server, cluster):
        await server.put(
            "unettrainings", {"metadata": {"name": "t", "namespace": NAMESPACE}, "spec": {"a": 1}}
        )
        patch = {"spec": {"a": 2}, "status": {"phase": "Pending"}}
        await cluster.patch(TRAININGS, NAMESPACE, "t", patch, sub="status")
        found = server.find("unettrainings", "t")
        assert (found["spec"], found["status"]) == ({"a": 1}, {"phase": "Pending"})
        assert server.requests[-1].address.sub == "status"

    run(scenario)


@pytest.mark.parametrize("code", [403, 500, 422])
def test_a_delete_that_is_refused_is_an_error(code):
    async def scenario(server, cluster):
        server.fault(refuse(code, "No", "no"))
        await cluster.delete(CONFIG_MAPS, NAMESPACE, "x", "u")

    assert told(scenario).status == code


def test_the_last_lines_of_a_log_are_read_and_no_more_than_asked():
    async def scenario(server, cluster):
        server.logs["p", "launch"] = "".join(f"line {n}\n" for n in range(100))
        assert await cluster.logs(NAMESPACE, "p", "launch", 2) == "line 98\nline 99\n"
        (asked,) = server.requests
        assert int(asked.query["limitBytes"]) <= 256 * 1024

    run(scenario)


def test_a_log_with_broken_characters_is_read():
    async def broken(request):
        return web.Response(body=b"epoch=1/2 \xff\xfe\n")

    async def scenario(server, cluster):
        server.fault(broken)
        assert (await cluster.logs(NAMESPACE, "p", "launch", 2)).startswith("epoch=1/2 ")

    run(scenario)


@pytest.mark.parametrize("answer", [break_off("epoch=1"), hang_up, refuse(500)])
def test_a_log_that_cannot_be_had_is_an_error(answer):
    async def scenario(server, cluster):
        server.fault(answer, times=2)
        await cluster.logs(NAMESPACE, "p", "launch", 2)

    assert told(scenario).status in (0, 500)


def test_a_kind_is_served_when_discovery_says_so():
    async def scenario(server, cluster):
        assert await cluster.serves(POD_GROUPS) is False
        server.served = {"workloads"}
        assert await cluster.serves(POD_GROUPS) is False
        server.served = {"workloads", "podgroups"}
        assert await cluster.serves(POD_GROUPS) is True

    run(scenario)


@pytest.mark.parametrize("answer", [refuse(503), say("<html>"), break_off("{")])
def test_not_knowing_whether_a_kind_is_served_is_an_error(answer):
    async def scenario(server, cluster):
        server.fault(answer)
        await cluster.serves(POD_GROUPS)

    assert told(scenario).status in (0, 503)
