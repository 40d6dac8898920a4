"""What the operator takes for granted of an API server, each as a scenario that can fail.

tests/unit/operator/cluster/test_client.py puts them to the simulated cluster, and
tests/integration/operator/test_statements.py to a real one: so the first cannot promise what
the second does not keep.  `job_statements` does the same for the Job controller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import CONFIG_MAPS, LEASES, PODS, SERVICES
from unet_operator.cluster.transport import Request

Statement = Callable[[Cluster, str], Awaitable[None]]
LABELS = {"app.kubernetes.io/managed-by": "unet-operator"}
SELECTOR = "app.kubernetes.io/managed-by=unet-operator"


def config_map(namespace: str, name: str, **data: str) -> dict:
    """The plainest object there is."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(LABELS)},
        "data": data,
    }


def service(namespace: str, port: int) -> dict:
    """A headless Service, as we make them."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kept", "namespace": namespace},
        "spec": {
            "clusterIP": "None",
            "selector": {"app": "x"},
            "ports": [{"name": "ssh", "port": port, "targetPort": "ssh"}],
        },
    }


def lease(namespace: str, holder: str, version: str | None = None) -> dict:
    """A leader's Lease."""
    at = {} if version is None else {"resourceVersion": version}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "unet-operator", "namespace": namespace, **at},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": "2026-03-01T12:00:00.000000Z",
        },
    }


def at(body: dict) -> int:
    """An object's version."""
    return int(body["metadata"]["resourceVersion"])


async def one_page(cluster: Cluster, namespace: str, query: dict[str, str]) -> dict:
    """A page of ConfigMaps, of a size that the operator never asks for."""
    request = Request("GET", CONFIG_MAPS.path(namespace), CONFIG_MAPS.plural, query)
    return await cluster._transport.fetch(request)


async def what_is_absent_reads_as_none(cluster: Cluster, namespace: str) -> None:
    """A get of nothing is no error."""
    assert await cluster.get(CONFIG_MAPS, namespace, "absent") is None


async def a_second_create_is_told_that_it_exists(cluster: Cluster, namespace: str) -> None:
    """So that `act` can tell it from every other conflict."""
    await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "once", a="1"))
    with pytest.raises(ApiError) as told:
        await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "once", a="2"))
    assert (told.value.status, told.value.reason) == (409, "AlreadyExists")
    assert (await cluster.get(CONFIG_MAPS, namespace, "once"))["data"] == {"a": "1"}


async def versions_grow_as_numbers(cluster: Cluster, namespace: str) -> None:
    """The store compares them (KEP-5504)."""
    first = await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "grows", a="1"))
    second = await cluster.patch(CONFIG_MAPS, namespace, "grows", {"data": {"a": "2"}})
    _, listed = await cluster.list(CONFIG_MAPS, namespace)
    assert at(first) < at(second) <= int(listed)


async def a_merge_patch_with_an_old_version_is_a_conflict(cluster: Cluster, namespace: str) -> None:
    """Status writes are guarded by it."""
    old = await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "raced", a="1"))
    await cluster.patch(CONFIG_MAPS, namespace, "raced", {"data": {"a": "2"}})
    stale = {"metadata": {"resourceVersion": str(at(old))}, "data": {"a": "3"}}
    with pytest.raises(ApiError) as told:
        await cluster.patch(CONFIG_MAPS, namespace, "raced", stale)
    assert told.value.status == 409
    assert (await cluster.get(CONFIG_MAPS, namespace, "raced"))["data"] == {"a": "2"}


async def a_merge_patch_removes_what_is_null(cluster: Cluster, namespace: str) -> None:
    """RFC 7386: status fields go that way."""
    await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "shrinks", a="1", b="2"))
    patch = {"data": {"a": None, "b": "3"}}
    assert (await cluster.patch(CONFIG_MAPS, namespace, "shrinks", patch))["data"] == {"b": "3"}


async def a_patch_with_another_uid_is_invalid(cluster: Cluster, namespace: str) -> None:
    """Suspending never hits a namesake."""
    await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "mine", a="1"))
    other = {"metadata": {"uid": "11111111-2222-3333-4444-555555555555"}, "data": {"a": "2"}}
    with pytest.raises(ApiError) as told:
        await cluster.patch(CONFIG_MAPS, namespace, "mine", other)
    assert told.value.status == 422
    assert (await cluster.get(CONFIG_MAPS, namespace, "mine"))["data"] == {"a": "1"}


async def a_patch_of_what_is_absent_is_not_found(cluster: Cluster, namespace: str) -> None:
    """A training that was deleted meanwhile."""
    with pytest.raises(ApiError) as told:
        await cluster.patch(CONFIG_MAPS, namespace, "absent", {"data": {"a": "2"}})
    assert told.value.status == 404


async def deleting_needs_the_right_uid(cluster: Cluster, namespace: str) -> None:
    """Only what we have seen is deleted, never what followed under its name."""
    made = await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "guarded"))
    await cluster.delete(CONFIG_MAPS, namespace, "guarded", "11111111-2222-3333-4444-555555555555")
    assert await cluster.get(CONFIG_MAPS, namespace, "guarded") is not None
    await cluster.delete(CONFIG_MAPS, namespace, "guarded", made["metadata"]["uid"])
    assert await cluster.get(CONFIG_MAPS, namespace, "guarded") is None
    await cluster.delete(CONFIG_MAPS, namespace, "guarded", made["metadata"]["uid"])


async def apply_creates_updates_and_leaves_alone(cluster: Cluster, namespace: str) -> None:
    """Service and NetworkPolicy are kept up to date with it."""
    first = await cluster.apply(SERVICES, namespace, service(namespace, 22))
    second = await cluster.apply(SERVICES, namespace, service(namespace, 2222))
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert [port["port"] for port in second["spec"]["ports"]] == [2222]
    third = await cluster.apply(SERVICES, namespace, service(namespace, 2222))
    assert at(third) == at(second)


async def a_list_holds_what_carries_the_label(cluster: Cluster, namespace: str) -> None:
    """And nothing of anybody else's."""
    await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "ours"))
    foreign = config_map(namespace, "foreign")
    del foreign["metadata"]["labels"]
    await cluster.create(CONFIG_MAPS, namespace, foreign)
    found, _ = await cluster.list(CONFIG_MAPS, namespace, labelSelector=SELECTOR)
    listed = {body["metadata"]["name"] for body in found}
    assert "ours" in listed
    assert "foreign" not in listed


async def a_watch_tells_what_happened_since_a_version(cluster: Cluster, namespace: str) -> None:
    """In order, with the last state of what was deleted."""
    _, since = await cluster.list(CONFIG_MAPS, namespace, labelSelector=SELECTOR)
    made = await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "seen", a="1"))
    await cluster.patch(CONFIG_MAPS, namespace, "seen", {"data": {"a": "2"}})
    await cluster.delete(CONFIG_MAPS, namespace, "seen", made["metadata"]["uid"])
    told = []
    async with asyncio.timeout(30):
        async for type_, body in cluster.watch(
            CONFIG_MAPS, namespace, since, 20, labelSelector=SELECTOR
        ):
            if type_ != "BOOKMARK" and body["metadata"]["name"] == "seen":
                told.append((type_, body["data"]["a"]))
            if type_ == "DELETED":
                break
    assert told == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


async def a_replace_with_an_old_version_is_a_conflict(cluster: Cluster, namespace: str) -> None:
    """Of two replicas that take the Lease at once, one gets it."""
    made = await cluster.create(LEASES, namespace, lease(namespace, "one"))
    version = str(at(made))
    await cluster.replace(LEASES, namespace, lease(namespace, "two", version))
    with pytest.raises(ApiError) as told:
        await cluster.replace(LEASES, namespace, lease(namespace, "three", version))
    assert told.value.status == 409
    held = await cluster.get(LEASES, namespace, "unet-operator")
    assert held["spec"]["holderIdentity"] == "two"


async def a_lease_may_have_no_holder(cluster: Cluster, namespace: str) -> None:
    """That is how it is given up."""
    name = lease(namespace, "")
    name["metadata"]["name"] = "given-up"
    made = await cluster.create(LEASES, namespace, name)
    assert not made["spec"].get("holderIdentity")


async def a_log_that_is_not_there_is_empty(cluster: Cluster, namespace: str) -> None:
    """A pod may go between the look at it and the look at its log."""
    assert await cluster.logs(namespace, "absent", "launch", 10) == ""


async def pods_of_a_quiet_namespace_are_an_empty_list(cluster: Cluster, namespace: str) -> None:
    """With a version to watch from."""
    found, since = await cluster.list(PODS, namespace, labelSelector=SELECTOR)
    assert found == []
    assert int(since) > 0


async def an_apply_takes_back_its_own_fields_and_no_others(
    cluster: Cluster, namespace: str
) -> None:
    """What others put on our Service stays."""
    marked = service(namespace, 22)
    marked["metadata"]["name"] = "marked"
    marked["metadata"]["labels"] = {"ours": "yes"}
    await cluster.apply(SERVICES, namespace, marked)
    others = {"metadata": {"annotations": {"example.com/theirs": "yes"}}}
    await cluster.patch(SERVICES, namespace, "marked", others)
    del marked["metadata"]["labels"]
    left = await cluster.apply(SERVICES, namespace, marked)
    assert "ours" not in left["metadata"].get("labels", {})
    assert left["metadata"]["annotations"]["example.com/theirs"] == "yes"


async def a_finalizer_holds_what_is_deleted(cluster: Cluster, namespace: str) -> None:
    """It is marked as going, and goes when nobody holds it."""
    body = config_map(namespace, "held", a="1")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    made = await cluster.create(CONFIG_MAPS, namespace, body)
    uid = made["metadata"]["uid"]
    await cluster.delete(CONFIG_MAPS, namespace, "held", uid)
    held = await cluster.get(CONFIG_MAPS, namespace, "held")
    assert "deletionTimestamp" in held["metadata"]
    await cluster.delete(CONFIG_MAPS, namespace, "held", uid)
    assert at(await cluster.get(CONFIG_MAPS, namespace, "held")) == at(held)
    freed = {"metadata": {"finalizers": None}}
    await cluster.patch(CONFIG_MAPS, namespace, "held", freed)
    assert await cluster.get(CONFIG_MAPS, namespace, "held") is None


async def a_patch_that_changes_nothing_gives_no_new_version(
    cluster: Cluster, namespace: str
) -> None:
    """So that doing a thing twice wakes nobody."""
    made = await cluster.create(CONFIG_MAPS, namespace, config_map(namespace, "still", a="1"))
    again = await cluster.patch(CONFIG_MAPS, namespace, "still", {"data": {"a": "1"}})
    assert at(again) == at(made)


async def further_pages_are_of_the_moment_of_the_first(cluster: Cluster, namespace: str) -> None:
    """What is made meanwhile is in no page, and the watch tells of it."""
    query = {"limit": "1", "labelSelector": "paged=yes"}
    for name in ("page-a", "page-b"):
        body = config_map(namespace, name)
        body["metadata"]["labels"]["paged"] = "yes"
        await cluster.create(CONFIG_MAPS, namespace, body)
    first = await one_page(cluster, namespace, query)
    late = config_map(namespace, "page-c")
    late["metadata"]["labels"]["paged"] = "yes"
    made = await cluster.create(CONFIG_MAPS, namespace, late)
    further = {**query, "limit": "9", "continue": first["metadata"]["continue"]}
    second = await one_page(cluster, namespace, further)
    assert [body["metadata"]["name"] for body in second["items"]] == ["page-b"]
    since = second["metadata"]["resourceVersion"]
    assert since == first["metadata"]["resourceVersion"]
    assert int(since) < at(made)


STATEMENTS: list[Statement] = [
    what_is_absent_reads_as_none,
    a_second_create_is_told_that_it_exists,
    versions_grow_as_numbers,
    a_merge_patch_with_an_old_version_is_a_conflict,
    a_merge_patch_removes_what_is_null,
    a_patch_with_another_uid_is_invalid,
    a_patch_of_what_is_absent_is_not_found,
    deleting_needs_the_right_uid,
    apply_creates_updates_and_leaves_alone,
    a_list_holds_what_carries_the_label,
    a_watch_tells_what_happened_since_a_version,
    a_replace_with_an_old_version_is_a_conflict,
    a_lease_may_have_no_holder,
    a_log_that_is_not_there_is_empty,
    pods_of_a_quiet_namespace_are_an_empty_list,
    an_apply_takes_back_its_own_fields_and_no_others,
    a_finalizer_holds_what_is_deleted,
    a_patch_that_changes_nothing_gives_no_new_version,
    further_pages_are_of_the_moment_of_the_first,
]
