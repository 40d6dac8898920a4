"""Events on a UNetTraining, as `kubectl describe` shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from unet_operator.api.json_object import JsonObject
from unet_operator.api.schema import API_VERSION, KIND
from unet_operator.lifecycle.actions import Event
from unet_operator.loop.settings import Settings
from unet_operator.observe.store import StoredTraining

COMPONENT = "unet-operator"


def event_manifest(
    training: StoredTraining, event: Event, now: datetime, settings: Settings
) -> JsonObject:
    """The Event object."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{training.name}.{uuid4().hex[:16]}",
            "namespace": training.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": training.name,
            "namespace": training.namespace,
            "uid": training.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": settings.identity,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
