"""The Lease that the leader holds (coordination.k8s.io/v1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unet_operator.api.json_object import JsonObject, resource_version, section, text, whole

NAME = "unet-operator"


@dataclass(frozen=True)
class Lease:
    """A Lease as it was read."""

    holder: str
    """Who has it; empty for nobody."""
    duration: int | None
    """Seconds that it holds since it was last renewed, where it says."""
    transitions: int
    """How often it went from one holder to another."""
    version: str
    """resourceVersion: changes whenever it is renewed."""
    body: JsonObject
    """The whole object: what others wrote into it is kept."""


def parse_lease(body: JsonObject) -> Lease:
    """Reads a Lease.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    spec = section(body, "spec")
    return Lease(
        holder=text(spec, "holderIdentity"),
        duration=whole(spec, "leaseDurationSeconds") or None,
        transitions=whole(spec, "leaseTransitions"),
        version=resource_version(body),
        body=body,
    )


def held_lease(
    namespace: str, holder: str, duration: float, now: datetime, before: Lease | None
) -> JsonObject:
    """The Lease as `holder` writes it at `now`, over what it was `before`."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec: dict[str, object] = {**section(before.body, "spec")} if before else {}
    if before is None or before.holder != holder:
        spec["acquireTime"] = moment
        spec["leaseTransitions"] = before.transitions + 1 if before else 0
    spec |= {
        "holderIdentity": holder,
        "leaseDurationSeconds": int(duration),
        "renewTime": moment,
    }
    metadata: dict[str, object] = {"name": NAME, "namespace": namespace}
    if before is not None:
        # The write fails if another replica wrote since.
        metadata["resourceVersion"] = before.version
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": spec,
    }


def released_lease(lease: Lease) -> JsonObject:
    """The Lease with nobody as its holder."""
    return {**lease.body, "spec": {**section(lease.body, "spec"), "holderIdentity": ""}}
