"""For want of room fewer workers will do, where that helps and is allowed."""

from __future__ import annotations

import pytest
from unet_operator.failure.no_room import fitting_replicas, not_enough_room
from unet_operator.failure.obstacle import Obstacle


@pytest.mark.parametrize("reason", ["Unschedulable", "QuotaExceeded"])
@pytest.mark.parametrize(
    ("wanted", "least", "placed", "fit"),
    [(4, 1, 0, 1), (4, 1, 3, 3), (4, 2, 1, 2), (4, 4, 3, None), (1, 1, 0, None)],
)
def test_as_many_as_have_a_node_but_no_fewer_than_allowed(reason, wanted, least, placed, fit):
    obstacle = Obstacle(reason, "x")
    assert fitting_replicas(obstacle, wanted=wanted, least=least, placed=placed) == fit


@pytest.mark.parametrize("reason", ["ImagePullFailed", "VolumeNotBound", "PodNotStarting"])
def test_fewer_workers_do_not_help_against_anything_else(reason):
    assert fitting_replicas(Obstacle(reason, "x"), wanted=4, least=1, placed=2) is None


def test_it_is_nobody_s_failure():
    failure = not_enough_room(4, 2)
    assert (failure.reason, failure.counted, failure.final) == ("NotEnoughRoom", False, False)
    assert failure.message == "no room for 4 workers, 2 will do"
