"""HTTP to the API server: rate limited, counted, and with one kind of error.

Built on `kubernetes.aio`, the asyncio half of the official client (since release 35 the
former kubernetes_asyncio, generated from the same API): its configuration, authentication,
token refresh and connection pool are used, its 700 model classes are not, since builders
return dicts and most of a pod's body is thrown away at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException

from unet_operator.api.json_object import JsonObject
from unet_operator.cluster.errors import garbled, no_answer, refused
from unet_operator.cluster.rate_limit import TokenBucket, retry_after

LOST = (aiohttp.ClientError, OSError, ApiException)
"""What the client raises when there was no answer, or only a part of one."""

Count = Callable[[str, str, int], None]
"""Told of each request: method, resource, and the code of its answer, 0 for none."""


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    resource: str
    """What it is about, for the metrics: a plural, pods/log or discovery."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None
    content_type: str = "application/json"
    timeout: aiohttp.ClientTimeout | None = None
    """None for the transport's own."""


class _Answer(Protocol):
    response: aiohttp.ClientResponse


class _RestClient(Protocol):
    """The part of `kubernetes.aio`'s untyped REST client that is used."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: object,
        _request_timeout: aiohttp.ClientTimeout,
    ) -> Awaitable[_Answer]: ...


class Transport:
    """Sends requests and hands their answers over."""

    def __init__(
        self, client: ApiClient, bucket: TokenBucket, count: Count, timeout: aiohttp.ClientTimeout
    ) -> None:
        self._client, self._bucket = client, bucket
        self._rest: _RestClient = client.rest_client
        self._count, self._timeout = count, timeout

    @property
    def url(self) -> str:
        """Where the API server is."""
        host: str = self._client.configuration.host
        return host

    async def close(self) -> None:
        """Closes the connections."""
        close: Callable[[], Awaitable[None]] = self._client.close
        await close()

    async def send(self, request: Request) -> aiohttp.ClientResponse:
        """Sends a request, when its turn has come; its answer is yet to be read.

        Raises:
            ApiError: it was refused, or had no answer.
        """
        delay = self._bucket.delay()
        if delay:
            await asyncio.sleep(delay)
        _, url, headers, data, _ = await self._client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query.items()),
            header_params={"Accept": "application/json", "Content-Type": request.content_type},
            body=request.body,
            auth_settings=["BearerToken"],
        )
        timeout = request.timeout or self._timeout
        try:
            answer = await self._rest.request(
                request.method, url, headers=headers, body=data, _request_timeout=timeout
            )
        except LOST as error:
            self._count(request.method, request.resource, 0)
            raise no_answer(error) from error
        response = answer.response
        self._count(request.method, request.resource, response.status)
        if response.status == 429:
            self._bucket.hold(retry_after(response.headers.get("Retry-After", "")))
        if response.status >= 400:
            raise refused(response.status, await read(response))
        return response

    async def fetch(self, request: Request) -> JsonObject:
        """Sends a request and reads the object that answers it.

        Raises:
            ApiError: it was refused, had no whole answer, or one that is no JSON object.
        """
        return parse(await read(await self.send(request)))


async def read(response: aiohttp.ClientResponse) -> bytes:
    """The whole answer.

    Raises:
        ApiError: only a part of it came.
    """
    try:
        return await response.read()
    except LOST as error:
        raise no_answer(error) from error


def parse(answer: bytes) -> JsonObject:
    """The object in an answer, which a proxy or a lost connection may have spoilt.

    Raises:
        ApiError: it is no JSON object.
    """
    try:
        body = json.loads(answer)
    except ValueError as error:
        raise garbled(answer, "JSON") from error
    if not isinstance(body, dict):
        raise garbled(answer, "JSON object")
    return body
