"""Events, as `kubectl describe` and the API server want them."""

from __future__ import annotations

import re

import pytest
from support.operator.bodies import training_body
from support.operator.making import NAME, NAMESPACE, NOW, UID
from unet_operator.lifecycle.actions import Event
from unet_operator.loop.kubernetes_events import event_manifest
from unet_operator.loop.settings import Settings
from unet_operator.observe.store import parse_training


def made(event: Event | None = None, name: str = NAME) -> dict:
    """An event about a training."""
    told = event or Event("Warning", "AttemptFailed", "worker 1 was deleted")
    return event_manifest(
        parse_training(training_body(name)), told, NOW, Settings(identity="replica-1")
    )


def test_it_is_about_the_training_and_lies_beside_it():
    found = made()
    assert found["involvedObject"] == {
        "apiVersion": "unet.dev/v1alpha1",
        "kind": "UNetTraining",
        "name": NAME,
        "namespace": NAMESPACE,
        "uid": UID,
    }
    assert found["metadata"]["namespace"] == NAMESPACE


def test_it_says_what_happened_and_when():
    found = made()
    assert (found["type"], found["reason"], found["message"]) == (
        "Warning",
        "AttemptFailed",
        "worker 1 was deleted",
    )
    assert found["firstTimestamp"] == found["lastTimestamp"] == "2026-03-01T12:00:00Z"
    assert found["count"] == 1


def test_two_of_the_same_do_not_meet():
    assert made()["metadata"]["name"] != made()["metadata"]["name"]


@pytest.mark.parametrize("name", [NAME, "a" * 46])
def test_its_name_is_one_that_kubernetes_takes(name):
    found = made(name=name)["metadata"]["name"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", found)
    assert len(found) <= 253
