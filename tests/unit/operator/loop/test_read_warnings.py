"""Warnings of Kubernetes: asked for when pods are missing or do not start."""

from __future__ import annotations

import pytest
from support.operator.bodies import condition, job_body, pod_body, waiting
from support.operator.making import starting
from support.operator.reading import run


def lacking(**fields):
    """A workers' Job of two that has one pod."""
    return job_body("worker", **fields)


def test_a_job_that_lacks_pods_is_asked_why_after_a_moment():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        seer.store.put("pods", pod_body(index=0))
        await seer.warn("uid-brain-worker-1", "exceeded quota")
        assert (await seer.look(starting(), 3)).warnings == {}
        assert seer.reads("events") == 0
        found = await seer.look(starting(), 5)
        assert found.warnings == {"uid-brain-worker-1": "exceeded quota"}

    run(scenario)


def test_it_is_asked_again_no_sooner_than_after_fifteen_seconds():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        for second in range(5, 66):
            await seer.look(starting(), second)
        assert seer.reads("events") == 5

    run(scenario)


@pytest.mark.parametrize(
    "body",
    [
        lacking(spec={"suspend": True}),
        lacking(conditions={"Failed": "x"}),
        lacking(conditions={"Complete": ""}),
    ],
    ids=["suspended", "failed", "complete"],
)
def test_a_job_that_wants_no_pods_is_not_asked(body):
    async def scenario(seer):
        seer.store.put("jobs", body)
        await seer.look(starting(), 60)
        assert seer.reads("events") == 0

    run(scenario)


def test_a_pod_that_has_a_node_and_does_not_start_is_asked_why():
    async def scenario(seer):
        stuck = {"phase": "Pending", "containerStatuses": [waiting("worker", "ContainerCreating")]}
        for index in range(2):
            seer.store.put("pods", pod_body(index=index, status=stuck))
        seer.store.put("jobs", job_body("worker"))
        await seer.warn("uid-brain-worker-1-1", "MountVolume.SetUp failed")
        found = await seer.look(starting(), 5)
        assert found.warnings == {"uid-brain-worker-1-1": "MountVolume.SetUp failed"}

    run(scenario)


def test_a_pod_that_says_itself_why_or_has_no_node_is_not_asked():
    async def scenario(seer):
        pulling = {
            "phase": "Pending",
            "containerStatuses": [waiting("worker", "ErrImagePull", "x")],
        }
        placed = condition("PodScheduled", "False", "Unschedulable", "no room")
        seer.store.put("pods", pod_body(index=0, status=pulling))
        seer.store.put(
            "pods",
            pod_body(index=1, node="", status={"phase": "Pending", "conditions": [placed]}),
        )
        seer.store.put("jobs", job_body("worker"))
        await seer.look(starting(), 60)
        assert seer.reads("events") == 0

    run(scenario)


def test_of_many_pods_that_do_not_start_a_few_are_asked():
    async def scenario(seer):
        for index in range(40):
            seer.store.put("pods", pod_body(index=index, status={"phase": "Pending"}))
        seer.store.put("jobs", job_body("worker", spec={"completions": 40}))
        await seer.look(starting(), 60)
        assert seer.reads("events") == 3

    run(scenario)


def test_the_last_warning_counts_on_one_line_and_not_without_end():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        uid = "uid-brain-worker-1"
        await seer.warn(uid, "newer:\n  quota\n", "2026-03-01T12:00:20Z")
        await seer.warn(uid, "older", "2026-03-01T12:00:10Z")
        await seer.warn(uid, "good news", "2026-03-01T12:00:30Z", "Normal")
        found = await seer.look(starting(), 60)
        assert found.warnings[uid] == "newer: quota"
        await seer.warn(uid, "x" * 5000, "2026-03-01T12:01:20Z")
        assert len((await seer.look(starting(), 120)).warnings[uid]) == 600

    run(scenario)


def test_an_event_of_the_newer_kind_has_its_time_elsewhere():
    async def scenario(seer):
        seer.store.put("jobs", lacking())
        uid = "uid-brain-worker-1"
        await seer.warn(uid, "older")
        new = {"lastTimestamp": None, "eventTime": "2026-03-01T12:30:00.000000Z"}
        await seer.warn(uid, "newer", **new)
        assert (await seer.look(starting(), 60)).warnings[uid] == "newer"

    run(scenario)
