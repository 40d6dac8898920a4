"""Kinds: the URL of a collection, an object and a subresource."""

from __future__ import annotations

import pytest
from unet_operator.cluster.kinds import JOBS, TRAININGS, Kind


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
