"""A pod of which nothing can be awaited: ended, silent, or beyond its grace."""

from __future__ import annotations

import pytest
from support.operator.making import after, pod


@pytest.mark.parametrize(
    ("fields", "silent"),
    [
        ({"disruption": "DeletionByTaintManager", "ready": False}, True),
        ({"disruption": "DeletionByTaintManager", "ready": True}, False),
        (
            {
                "disruption": "DeletionByTaintManager",
                "ready": False,
                "running": frozenset(),
                "phase": "Failed",
            },
            False,
        ),
        ({"disruption": "DeletionByPodGC"}, True),
        ({"disruption": "EvictionByEvictionAPI", "ready": False}, False),
        ({"ready": False}, False),
    ],
)
def test_a_node_is_silent_when_it_was_tainted_and_its_pod_s_news_is_stale(fields, silent):
    assert pod("worker", 1, 0, **fields).silent is silent


@pytest.mark.parametrize(
    ("fields", "seconds", "gone"),
    [
        ({}, 9e9, False),
        ({"phase": "Failed"}, 0, True),
        ({"phase": "Succeeded"}, 0, True),
        ({"disruption": "DeletionByPodGC"}, 0, True),
        ({"deleting_until": after(120)}, 120, False),
        ({"deleting_until": after(120)}, 125, False),
        ({"deleting_until": after(120)}, 127, True),
        ({"disruption": "EvictionByEvictionAPI", "deleting_until": after(120)}, 60, False),
    ],
)
def test_a_pod_is_gone_when_nothing_can_be_awaited_of_it(fields, seconds, gone):
    assert pod("worker", 1, 0, **fields).gone(after(seconds)) is gone
