"""The verbs of the API server, over objects as JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

import aiohttp
from kubernetes.aio.client import ApiClient

from unet_operator.api.json_object import (
    JsonObject,
    metadata_of,
    name_of,
    resource_version,
    sections,
    text,
)
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import PODS, Kind
from unet_operator.cluster.rate_limit import TokenBucket
from unet_operator.cluster.transport import Count, Request, Transport, read
from unet_operator.cluster.watch_events import WatchEvent, watch_events

FIELD_MANAGER = "unet-operator"
REQUEST_TIMEOUT = 30.0
"""Seconds that a request may take, its answer included."""
PAGE_SIZE = 500
"""Most objects in one answer to a list."""
_LOG_TIMEOUT = aiohttp.ClientTimeout(total=10)
"""The API server asks the node for a log, and a node that is lost never answers."""


class Page(NamedTuple):
    """A part of a collection."""

    objects: list[JsonObject]
    version: str
    """resourceVersion of the collection: where a watch goes on from."""
    next_token: str
    """What to ask for the next page with; empty after the last."""


class Collection(NamedTuple):
    """A whole collection."""

    objects: list[JsonObject]
    version: str
    """resourceVersion of the collection: where a watch goes on from."""


def _not_counted(method: str, resource: str, status: int) -> None:
    """Counts nothing."""


class Cluster:
    """The API server."""

    def __init__(
        self,
        client: ApiClient,
        bucket: TokenBucket,
        count: Count = _not_counted,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        total = aiohttp.ClientTimeout(total=timeout)
        self._transport = Transport(client, bucket, count, total)

    @property
    def url(self) -> str:
        """Where the API server is."""
        return self._transport.url

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> JsonObject | None:
        """Reads an object; None when there is none."""
        request = Request("GET", kind.path(namespace, name), kind.plural)
        try:
            return await self._transport.fetch(request)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str | None, **query: str) -> Collection:
        """Reads a collection page by page."""
        objects = []
        version = "0"
        async for page in self.pages(kind, namespace, **query):
            objects += page.objects
            version = page.version
        return Collection(objects, version)

    async def pages(self, kind: Kind, namespace: str | None, **query: str) -> AsyncIterator[Page]:
        """Reads a collection, 500 objects at a time."""
        token = ""
        while True:
            asked = {**query, "limit": str(PAGE_SIZE), **({"continue": token} if token else {})}
            request = Request("GET", kind.path(namespace), kind.plural, asked)
            body = await self._transport.fetch(request)
            if "items" not in body:
                raise ApiError(0, "Garbled", f"the answer is no list of {kind.plural}")
            token = text(metadata_of(body), "continue")
            yield Page([*sections(body, "items")], resource_version(body), token)
            if not token:
                return

    async def watch(
        self, kind: Kind, namespace: str | None, version: str, seconds: int, **query: str
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yields what happened since `version`, for at most `seconds`.

        Raises:
            ApiError: with status 410 when `version` is too old: list anew.
        """
        asked = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=seconds + 15)
        request = Request("GET", kind.path(namespace), kind.plural, asked, timeout=timeout)
        async with aclosing(watch_events(await self._transport.send(request))) as events:
            async for event in events:
                yield event

    async def create(self, kind: Kind, namespace: str | None, body: JsonObject) -> JsonObject:
        """Creates an object."""
        query = {"fieldManager": FIELD_MANAGER}
        request = Request("POST", kind.path(namespace), kind.plural, query, body)
        return await self._transport.fetch(request)

    async def apply(self, kind: Kind, namespace: str, body: JsonObject) -> JsonObject:
        """Server-side apply of the fields in `body`, taking them over from whoever had them."""
        request = Request(
            "PATCH",
            kind.path(namespace, name_of(body)),
            kind.plural,
            {"fieldManager": FIELD_MANAGER, "force": "true"},
            body,
            content_type="application/apply-patch+yaml",
        )
        return await self._transport.fetch(request)

    async def replace(self, kind: Kind, namespace: str, body: JsonObject) -> JsonObject:
        """Replaces an object; 409 when it changed since it was read."""
        path = kind.path(namespace, name_of(body))
        return await self._transport.fetch(Request("PUT", path, kind.plural, body=body))

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: JsonObject,
        sub: str | None = None,
    ) -> JsonObject:
        """Merge patch of an object or of its subresource."""
        request = Request(
            "PATCH",
            kind.path(namespace, name, sub),
            kind.plural,
            {"fieldManager": FIELD_MANAGER},
            body,
            content_type="application/merge-patch+json",
        )
        return await self._transport.fetch(request)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes the object with that uid, its children in the background; none is a success."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        request = Request("DELETE", kind.path(namespace, name), kind.plural, body=body)
        try:
            await self._transport.fetch(request)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def logs(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log, at most 256 KiB; empty when there is none."""
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(256 * 1024)}
        path = PODS.path(namespace, pod, "log")
        request = Request("GET", path, "pods/log", query, timeout=_LOG_TIMEOUT)
        try:
            answer = await read(await self._transport.send(request))
        except ApiError as error:
            if error.status in (400, 404):
                return ""
            raise
        return answer.decode(errors="replace")

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server offers that kind."""
        request = Request("GET", f"/apis/{kind.api_version}", "discovery")
        try:
            body = await self._transport.fetch(request)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(
            text(resource, "name") == kind.plural for resource in sections(body, "resources")
        )
