"""All I/O with the API server: eight verbs over plain dicts.

Built on `kubernetes.aio`, the asyncio half of the official client (since release 35 the
former kubernetes_asyncio, generated from the same API): its configuration, authentication,
token refresh and connection pool are used, its 700 model classes are not, since builders
return dicts and most of a pod's body is thrown away at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, ApiException, Configuration
from kubernetes.aio.config import ConfigException

from unet_operator.api.schema import API_VERSION, PLURAL
from unet_operator.observe.objects import Body

FIELD_MANAGER = "unet-operator"
PATIENCE = 30.0
"""Seconds that a request may take, its answer included."""
_LOST = (aiohttp.ClientError, OSError, ApiException)
"""What the client raises when there was no answer, or only a part of one."""
LONGEST_HOLD = 30.0
"""Most seconds that a Retry-After is obeyed: a Lease must still be renewed."""
_LOG = aiohttp.ClientTimeout(total=10)
"""The API server asks the node for a log, and a node that is lost never answers."""


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


class ApiError(Exception):
    """The API server refused or did not answer.

    `status` is the HTTP code, 0 when there was no answer.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status, self.reason, self.message = status, reason, message
        super().__init__(f"{status} {reason}: {message}")


class Bucket:
    """A token bucket: `burst` requests at once, `qps` a second in the long run."""

    def __init__(self, qps: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.qps, self.burst, self.clock = qps, burst, clock
        self._tokens, self._last = float(burst), clock()
        self._held = self._last

    def delay(self) -> float:
        """Takes a token; returns the seconds to wait before using it."""
        now = self.clock()
        self._tokens = min(self.burst, self._tokens + (now - self._last) * self.qps)
        self._last = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self.qps, self._held - now)

    def hold(self, seconds: float) -> None:
        """Lets nothing through for so long: the API server asked for it."""
        self._held = max(self._held, self.clock() + min(seconds, LONGEST_HOLD))


class Cluster:
    """The API server."""

    def __init__(
        self,
        client: ApiClient,
        bucket: Bucket,
        count: Callable[[str, str, int], None] = lambda method, plural, status: None,
        patience: float = PATIENCE,
    ) -> None:
        self._client, self._bucket, self._count = client, bucket, count
        self._patience = aiohttp.ClientTimeout(total=patience)

    @property
    def url(self) -> str:
        """Where the API server is."""
        return self._client.configuration.host

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Body | None:
        """Reads an object; None when there is none."""
        try:
            return await self._json("GET", kind, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str | None, **query: str) -> tuple[list[Body], str]:
        """Reads a collection page by page: (objects, resourceVersion to watch from)."""
        found: list[Body] = []
        at = "0"
        async for page, at in self.pages(kind, namespace, **query):  # noqa: B007 - the last counts
            found += page
        return found, at

    async def pages(
        self, kind: Kind, namespace: str | None, **query: str
    ) -> AsyncIterator[tuple[list[Body], str]]:
        """Reads a collection, 500 objects at a time."""
        token = ""
        while True:
            page = await self._json(
                "GET",
                kind,
                namespace,
                query={**query, "limit": "500", **({"continue": token} if token else {})},
            )
            yield page["items"], page["metadata"]["resourceVersion"]
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def watch(
        self, kind: Kind, namespace: str | None, version: str, seconds: int, **query: str
    ) -> AsyncIterator[tuple[str, Body]]:
        """Yields (ADDED | MODIFIED | DELETED | BOOKMARK, object) for at most `seconds`.

        Raises:
            ApiError: with status 410 when `version` is too old: list anew.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=seconds + 15)
        response = await self._send(
            "GET",
            kind.path(namespace),
            kind.plural,
            query={
                **query,
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": version,
                "timeoutSeconds": str(seconds),
            },
            timeout=timeout,
        )
        try:
            while line := await response.content.readline():
                event = _parsed(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiError(
                        status.get("code", 0), status.get("reason", ""), status.get("message", "")
                    )
                yield event["type"], event["object"]
        except _LOST as error:
            raise _no_answer(error) from error
        finally:
            response.close()

    async def create(self, kind: Kind, namespace: str, body: Body) -> Body:
        """Creates an object."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self._json("POST", kind, namespace, body=body, query=query)

    async def apply(self, kind: Kind, namespace: str, body: Body) -> Body:
        """Server-side apply of the fields in `body`, taking them over from whoever had them."""
        return await self._json(
            "PATCH",
            kind,
            namespace,
            body["metadata"]["name"],
            body=body,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            content="application/apply-patch+yaml",
        )

    async def replace(self, kind: Kind, namespace: str, body: Body) -> Body:
        """Replaces an object; 409 when it changed since it was read."""
        return await self._json("PUT", kind, namespace, body["metadata"]["name"], body=body)

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: Body, sub: str | None = None
    ) -> Body:
        """Merge patch of an object or of its subresource."""
        return await self._json(
            "PATCH",
            kind,
            namespace,
            name,
            sub,
            body=body,
            query={"fieldManager": FIELD_MANAGER},
            content="application/merge-patch+json",
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes the object with that uid, its children in the background; none is a success."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._json("DELETE", kind, namespace, name, body=body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def logs(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log, at most 256 KiB; empty when there is none."""
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(256 * 1024)}
        try:
            response = await self._send(
                "GET", PODS.path(namespace, pod, "log"), "pods/log", query=query, timeout=_LOG
            )
            return (await _read(response)).decode(errors="replace")
        except ApiError as error:
            if error.status in (400, 404):
                return ""
            raise
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(0, "NoAnswer", str(error) or type(error).__name__) from error

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server offers that kind."""
        try:
            response = await self._send("GET", f"/apis/{kind.api_version}", "discovery")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        found = _parsed(await _read(response))
        return any(resource["name"] == kind.plural for resource in found["resources"])

    async def _json(
        self,
        method: str,
        kind: Kind,
        namespace: str | None,
        name: str | None = None,
        sub: str | None = None,
        *,
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Body:
        response = await self._send(
            method,
            kind.path(namespace, name, sub),
            kind.plural,
            query=query,
            body=body,
            content=content,
        )
        return _parsed(await _read(response))

    async def _send(
        self,
        method: str,
        path: str,
        plural: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content: str = "application/json",
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> aiohttp.ClientResponse:
        wait = self._bucket.delay()
        if wait:
            await asyncio.sleep(wait)
        client = self._client
        _, url, headers, data, _ = await client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = await client.rest_client.request(
                method, url, headers=headers, body=data, _request_timeout=timeout or self._patience
            )
        except _LOST as error:
            self._count(method, plural, 0)
            raise _no_answer(error) from error
        response: aiohttp.ClientResponse = answer.response
        self._count(method, plural, response.status)
        if response.status == 429:
            self._bucket.hold(_seconds(response.headers.get("Retry-After", "")))
        if response.status >= 400:
            raise _error(response.status, await _read(response))
        return response


async def _read(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.read()
    except _LOST as error:
        raise _no_answer(error) from error


def _parsed(text: bytes) -> Body:
    """The object in an answer, which a proxy or a lost connection may have spoilt."""
    try:
        return json.loads(text)
    except ValueError as error:
        start = text[:80].decode(errors="replace")
        raise ApiError(0, "Garbled", f"the answer is no JSON: {start!r}") from error


def _no_answer(error: Exception) -> ApiError:
    return ApiError(0, "NoAnswer", str(error) or type(error).__name__)


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 1.0


def _error(status: int, body: bytes) -> ApiError:
    try:
        said = json.loads(body)
        return ApiError(status, said.get("reason", ""), said.get("message", ""))
    except (ValueError, AttributeError):
        return ApiError(status, "", body.decode(errors="replace")[:500])


async def connect(
    qps: float,
    burst: int,
    count: Callable[[str, str, int], None] = lambda method, plural, status: None,
) -> Cluster:
    """Connects with the pod's service account, else with KUBECONFIG.

    Raises:
        ConfigException: neither is there.
    """
    configuration = Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    # A failed request is for the work queue to repeat, which knows whether it still matters.
    configuration.retries = None
    return Cluster(ApiClient(configuration), Bucket(qps, burst), count)
