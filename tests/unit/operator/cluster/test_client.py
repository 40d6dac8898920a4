"""The verbs: what each asks of the API server, and what the small one promises."""

from __future__ import annotations

import pytest
from aiohttp import web
from support.operator.bodies import config_map
from support.operator.client_scenario import NAMESPACE, error_of, run
from support.operator.kubernetes import break_off, hang_up, refuse, say
from support.operator.statements import STATEMENTS
from unet_operator.cluster.kinds import CONFIG_MAPS, POD_GROUPS, TRAININGS


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.__name__)
def test_the_small_server_keeps(statement):
    run(lambda _, cluster: statement(cluster, NAMESPACE))


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

    assert error_of(scenario).status == code


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

    assert error_of(scenario).status in (0, 500)


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

    assert error_of(scenario).status in (0, 503)
