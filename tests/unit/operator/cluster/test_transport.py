"""Requests: every answer that an API server, a proxy or a cut cable may give."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from support.operator.bodies import config_map
from support.operator.client_scenario import NAMESPACE, error_of, never, read
from support.operator.kubernetes import break_off, client, hang_up, refuse, say, serving
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import CONFIG_MAPS


@pytest.mark.parametrize("code", [400, 401, 403, 410, 422, 429, 500, 502, 503, 504])
def test_a_refusal_carries_the_server_s_code_reason_and_words(code):
    async def scenario(server, cluster):
        server.fault(refuse(code, "TheReason", "the words"))
        await read(server, cluster)

    error = error_of(scenario)
    assert (error.status, error.reason, error.message) == (code, "TheReason", "the words")
    assert str(error) == f"{code} TheReason: the words"


@pytest.mark.parametrize("text", ["<html>bad gateway</html>", "", "[1]", '"x"', "null"])
def test_a_refusal_that_is_not_kubernetes_own_is_told_too(text):
    async def scenario(server, cluster):
        server.fault(say(text, 502))
        await read(server, cluster)

    error = error_of(scenario)
    assert error.status == 502
    assert text in error.message


def test_a_long_page_of_a_proxy_is_cut():
    async def scenario(server, cluster):
        server.fault(say("x" * 10_000, 502))
        await read(server, cluster)

    assert len(error_of(scenario).message) == 500


def test_no_answer_is_an_error_without_a_code():
    async def scenario(server, cluster):
        # Twice: aiohttp itself asks once more when a connection is closed under a GET.
        server.fault(hang_up, times=2)
        await read(server, cluster)

    error = error_of(scenario)
    assert (error.status, error.reason) == (0, "NoAnswer")
    assert error.message


def test_nobody_listening_is_an_error_without_a_code():
    async def main():
        cluster = client("http://127.0.0.1:1")
        try:
            await cluster.get(CONFIG_MAPS, NAMESPACE, "x")
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

    assert error_of(scenario).reason == "NoAnswer"


def test_an_answer_that_is_no_json_is_told_with_its_beginning():
    async def scenario(server, cluster):
        server.fault(say("<html>please log in</html>"))
        await read(server, cluster)

    error = error_of(scenario)
    assert error.status == 0
    assert "please log in" in error.message


@pytest.mark.parametrize("answer", ["[]", "null", '"x"', "1"])
def test_an_answer_that_is_no_object_is_an_error_without_a_code(answer):
    async def scenario(server, cluster):
        server.fault(say(answer))
        await read(server, cluster)

    assert error_of(scenario).reason == "Garbled"


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


def test_every_request_is_counted_with_its_outcome():
    counted = []

    async def main():
        async with serving() as (server, _):
            cluster = client(server.url, count=lambda *what: counted.append(what))
            server.fault(hang_up, method="DELETE", times=2)
            await cluster.get(CONFIG_MAPS, NAMESPACE, "x")
            await cluster.create(CONFIG_MAPS, NAMESPACE, config_map("x"))
            with pytest.raises(ApiError):
                await cluster.delete(CONFIG_MAPS, NAMESPACE, "x", "u")
            await cluster.logs(NAMESPACE, "p", "c", 1)
            await cluster.close()

    asyncio.run(main())
    assert counted == [
        ("GET", "configmaps", 404),
        ("POST", "configmaps", 201),
        ("DELETE", "configmaps", 0),
        ("GET", "pods/log", 400),
    ]
