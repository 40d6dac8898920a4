"""Stands in for the operator's client where a test plays thousands of lives.

HTTP would take most of their time.  The same verbs upon the same objects, answered at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.refusal import Refusal
from support.operator.kubernetes.requests import Address, Request, Traffic
from support.operator.kubernetes.verbs import APPLY, do, page
from support.operator.subject import ApiError, Collection, Kind, Page


class DirectClient(Traffic):
    """The operator's client without a network in between."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__()
        self._store, self._logs = cluster.store, cluster.hand.logs

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Reads an object; None when there is none."""
        try:
            return self._ask("GET", kind, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str | None, **query: str) -> Collection:
        """Reads a collection."""
        about = self._note("GET", kind, namespace, query=query)
        found = page(self._store, about, query)
        return Collection(found["items"], found["metadata"]["resourceVersion"])

    async def pages(self, kind: Kind, namespace: str | None, **query: str) -> AsyncIterator[Page]:
        """Reads a collection, in one page."""
        found = await self.list(kind, namespace, **query)
        yield Page(found.objects, found.version, "")

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Creates an object."""
        return self._ask("POST", kind, namespace, body=body)

    async def apply(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Server-side apply."""
        name = body["metadata"]["name"]
        return self._ask("PATCH", kind, namespace, name, body=body, content=APPLY)

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: Object, sub: str | None = None
    ) -> Object:
        """Merge patch of an object or of its subresource."""
        return self._ask("PATCH", kind, namespace, name, sub or "", body=body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes the object with that uid; none is a success."""
        try:
            self._ask("DELETE", kind, namespace, name, body={"preconditions": {"uid": uid}})
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def logs(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log; empty when there is none."""
        self._note("GET", Kind("v1", "pods"), namespace, pod, "log")
        kept = self._logs.get((pod, container), "").splitlines(keepends=True)
        return "".join(kept[-lines:])

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server offers that kind: none that is not built in."""
        self._note("GET", Kind(kind.api_version, ""), None)
        return False

    def _note(
        self,
        method: str,
        kind: Kind,
        namespace: str | None,
        name: str = "",
        sub: str = "",
        *,
        body: Object | None = None,
        query: dict[str, str] | None = None,
    ) -> Address:
        """Writes a request down, and meets it with the fault that waits for it."""
        about = Address(kind.plural, namespace or "", name, sub)
        self.requests.append(Request(method, about, query or {}, {}, body or {}))
        fault = self.due(method, kind.plural)
        if isinstance(fault, Refusal):
            raise _error(fault)
        return about

    def _ask(
        self,
        method: str,
        kind: Kind,
        namespace: str,
        name: str = "",
        sub: str = "",
        *,
        body: Object | None = None,
        content: str = "application/merge-patch+json",
    ) -> Object:
        about = self._note(method, kind, namespace, name, sub, body=body)
        try:
            return do(self._store, method, about, body or {}, content)
        except Refusal as refusal:
            raise _error(refusal) from refusal


def _error(refusal: Refusal) -> ApiError:
    return ApiError(refusal.code, refusal.reason, refusal.message)
