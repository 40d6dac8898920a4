"""The kinds of object that the operator reads or writes, as their URLs name them."""

from __future__ import annotations

from dataclasses import dataclass

from unet_operator.api.schema import API_VERSION, PLURAL


@dataclass(frozen=True)
class Kind:
    """A kind of object, as its URL names it."""

    api_version: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
        """The URL path of the collection, of one object, or of its subresource."""
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        parts = [root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        return "/".join([*parts, self.plural, *(part for part in (name, sub) if part)])


TRAININGS = Kind(API_VERSION, PLURAL)
JOBS = Kind("batch/v1", "jobs")
PODS = Kind("v1", "pods")
SECRETS = Kind("v1", "secrets")
CONFIG_MAPS = Kind("v1", "configmaps")
SERVICES = Kind("v1", "services")
CLAIMS = Kind("v1", "persistentvolumeclaims")
EVENTS = Kind("v1", "events")
NETWORK_POLICIES = Kind("networking.k8s.io/v1", "networkpolicies")
POD_GROUPS = Kind("scheduling.k8s.io/v1beta1", "podgroups")
LEASES = Kind("coordination.k8s.io/v1", "leases")
