"""A small API server on loopback: real HTTP, objects in memory, faults on demand.

It keeps the promises that the operator leans on and no others: optimistic locking, uid
preconditions, merge patches, server-side apply, selectors, pages, watches with bookmarks and
expiry.  `statements.py` says these in words; the same words are put to the real API server
by tests/integration/operator/test_statements.py.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import uuid4

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from kubernetes.aio.client import ApiClient, Configuration
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.kinds import Kind
from unet_operator.cluster.rate_limit import TokenBucket

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ANY = ""


@dataclass(frozen=True)
class Address:
    """What a URL names."""

    api_version: str
    plural: str
    namespace: str
    name: str
    sub: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Where the object is kept."""
        return self.plural, self.namespace, self.name


@dataclass(frozen=True)
class Request:
    """A request that was answered."""

    method: str
    address: Address
    query: dict[str, str]
    headers: dict[str, str]
    body: dict


@dataclass
class Fault:
    """What to answer instead, for so many requests that fit."""

    method: str
    plural: str
    answer: Handler
    times: int


@dataclass
class ApiServer:
    """Objects, the log of their changes, the log of requests, and faults to come."""

    objects: dict[tuple[str, str, str], dict] = field(default_factory=dict)
    changes: list[tuple[int, str, dict]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    logs: dict[tuple[str, str], str] = field(default_factory=dict)
    """Log of (pod, container)."""
    served: set[str] = field(default_factory=set)
    """Plurals that discovery tells of, in any group."""
    forgotten: int = 0
    """Watches from a version below this one get 410."""
    page: int = 500
    """Most objects in one answer, whatever the client asks for."""
    version: int = 100
    cuts: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self.news = asyncio.Condition()

    def fault(
        self, answer: Handler, *, method: str = ANY, plural: str = ANY, times: int = 1
    ) -> None:
        """Answers the next `times` requests that fit with `answer`."""
        self.faults.append(Fault(method, plural, answer, times))

    def made(self, method: str, plural: str = ANY) -> list[Request]:
        """Requests so far with that method, and about that kind."""
        return [
            r for r in self.requests if r.method == method and plural in (ANY, r.address.plural)
        ]

    def find(self, plural: str, name: str, namespace: str = "clinic") -> dict | None:
        """An object, as it is kept."""
        return self.objects.get((plural, namespace, name))

    async def put(self, plural: str, body: dict) -> dict:
        """Creates or replaces an object behind the operator's back."""
        body = copy.deepcopy(body)
        key = (plural, body["metadata"]["namespace"], body["metadata"]["name"])
        body["metadata"].setdefault("uid", str(uuid4()))
        return await self._keep(key, body, "MODIFIED" if key in self.objects else "ADDED")

    async def remove(self, plural: str, name: str, namespace: str = "clinic") -> None:
        """Deletes an object behind the operator's back."""
        await self._drop((plural, namespace, name))

    async def bookmark(self) -> None:
        """Tells every watch how far it has come."""
        self.version += 1
        mark = {"metadata": {"resourceVersion": str(self.version)}}
        await self._tell("BOOKMARK", "", mark)

    async def forget(self) -> None:
        """Ends every watch, and lets no watch begin from a version that is known so far."""
        self.version += 1
        self.forgotten = self.version
        await self.cut()

    async def cut(self) -> None:
        """Ends every watch."""
        self.cuts += 1
        async with self.news:
            self.news.notify_all()

    async def do_and_hang_up(self, request: web.Request) -> web.StreamResponse:
        """A fault: does what was asked and closes the connection without saying so."""
        await self.handle(request, await request.json())
        return await hang_up(request)

    async def handle(self, request: web.Request, body: dict) -> web.StreamResponse:
        """Does what was asked."""
        return await self._do(_address(request.path), body, request)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        address = _address(request.path)
        text = await request.text()
        body = json.loads(text) if text else {}
        self.requests.append(
            Request(request.method, address, dict(request.query), dict(request.headers), body)
        )
        for fault in self.faults:
            if fault.method in (ANY, request.method) and fault.plural in (ANY, address.plural):
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return await fault.answer(request)
        return await self._do(address, body, request)

    async def _do(self, address: Address, body: dict, request: web.Request) -> web.StreamResponse:
        if address.plural == ANY:
            return self._discover()
        if address.sub == "log":
            return self._log(address, request.query)
        if request.method == "GET" and not address.name:
            if request.query.get("watch") == "true":
                return await self._watch(address, request)
            return self._list(address, request.query)
        method = {
            "GET": self._get,
            "POST": self._create,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }[request.method]
        return await method(address, body, request.content_type)

    async def _get(self, address: Address, body: dict, content: str) -> web.Response:
        found = self.objects.get(address.key)
        return _json(found) if found else _status(404, "NotFound", f"{address.name} not found")

    async def _create(self, address: Address, body: dict, content: str) -> web.Response:
        name = body["metadata"]["name"]
        key = (address.plural, address.namespace, name)
        if key in self.objects:
            return _status(409, "AlreadyExists", f'{address.plural} "{name}" already exists')
        body["metadata"] |= {
            "namespace": address.namespace,
            "uid": str(uuid4()),
            "creationTimestamp": "2026-03-01T12:00:00Z",
            "generation": 1,
        }
        return _json(await self._keep(key, body, "ADDED"), 201)

    async def _replace(self, address: Address, body: dict, content: str) -> web.Response:
        old = self.objects.get(address.key)
        if old is None:
            return _status(404, "NotFound", f"{address.name} not found")
        if body["metadata"].get("resourceVersion") not in (None, _version(old)):
            return _conflict(address)
        body["metadata"] = {**old["metadata"], **body["metadata"]}
        return _json(await self._keep(address.key, body, "MODIFIED"))

    async def _patch(self, address: Address, body: dict, content: str) -> web.Response:
        old = self.objects.get(address.key)
        if content == "application/apply-patch+yaml" and old is None:
            return await self._create(address, body, content)
        if old is None:
            return _status(404, "NotFound", f"{address.name} not found")
        meta = body.get("metadata", {})
        if meta.get("resourceVersion", _version(old)) != _version(old):
            return _conflict(address)
        if meta.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            return _status(422, "Invalid", "metadata.uid: field is immutable")
        parts = {"status"} if address.sub == "status" else set(body) - {"status"}
        new = {**old, **{part: _merged(old.get(part), body[part]) for part in parts & set(body)}}
        new["metadata"] = {**new["metadata"], "resourceVersion": _version(old)}
        if new == old:
            return _json(old)
        return _json(await self._keep(address.key, new, "MODIFIED"))

    async def _delete(self, address: Address, body: dict, content: str) -> web.Response:
        old = self.objects.get(address.key)
        if old is None:
            return _status(404, "NotFound", f"{address.name} not found")
        wanted = body.get("preconditions", {}).get("uid")
        if wanted is not None and wanted != old["metadata"]["uid"]:
            return _conflict(address)
        await self._drop(address.key)
        return _status(200, "", "")

    def _list(self, address: Address, query: dict) -> web.Response:
        found = [
            body for key, body in sorted(self.objects.items()) if _fits(key, body, address, query)
        ]
        start = int(query.get("continue") or 0)
        size = min(self.page, int(query.get("limit", self.page)))
        meta = {"resourceVersion": str(self.version)}
        if start + size < len(found):
            meta["continue"] = str(start + size)
        return _json({"metadata": meta, "items": found[start : start + size]})

    async def _watch(self, address: Address, request: web.Request) -> web.StreamResponse:
        query = request.query
        at = int(query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        if at < self.forgotten:
            status = {"code": 410, "reason": "Expired", "message": "too old resource version"}
            await response.write(_line("ERROR", status))
            return response
        cuts = self.cuts
        end = asyncio.get_running_loop().time() + float(query["timeoutSeconds"])
        while True:
            for version, type_, body in self.changes:
                if version > at and (type_ == "BOOKMARK" or _about(body, address, query)):
                    await response.write(_line(type_, body))
            at = self.version
            left = end - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(left), self.news:
                    await self.news.wait_for(
                        lambda seen=at: self.version > seen or self.cuts > cuts
                    )
            except TimeoutError:
                return response
            if self.cuts > cuts:
                return response

    def _log(self, address: Address, query: dict) -> web.Response:
        text = self.logs.get((address.name, query["container"]))
        if text is None:
            return _status(400, "BadRequest", "container is waiting to start")
        lines = text.splitlines(keepends=True)[-int(query["tailLines"]) :]
        return web.Response(text="".join(lines))

    def _discover(self) -> web.Response:
        if not self.served:
            return _status(404, "NotFound", "the server could not find the requested resource")
        return _json({"resources": [{"name": plural} for plural in sorted(self.served)]})

    async def _keep(self, key: tuple[str, str, str], body: dict, type_: str) -> dict:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = body
        await self._tell(type_, key[0], body)
        return body

    async def _drop(self, key: tuple[str, str, str]) -> None:
        self.version += 1
        gone = copy.deepcopy(self.objects.pop(key))
        gone["metadata"]["resourceVersion"] = str(self.version)
        await self._tell("DELETED", key[0], gone)

    async def _tell(self, type_: str, plural: str, body: dict) -> None:
        self.changes.append((self.version, type_, {**copy.deepcopy(body), "_plural": plural}))
        async with self.news:
            self.news.notify_all()


def _address(path: str) -> Address:
    parts = path.strip("/").split("/")
    at = 2 if parts[0] == "api" else 3
    version, rest = "/".join(parts[1:at]), parts[at:]
    namespace = ""
    if rest[:1] == ["namespaces"]:
        namespace, rest = rest[1], rest[2:]
    plural, name, sub = (*rest, "", "", "")[:3]
    return Address(version, plural, namespace, name, sub)


def _fits(key: tuple[str, str, str], body: dict, address: Address, query: dict) -> bool:
    return key[0] == address.plural and _about({**body, "_plural": key[0]}, address, query)


def _about(body: dict, address: Address, query: dict) -> bool:
    if body["_plural"] != address.plural:
        return False
    if address.namespace and body["metadata"]["namespace"] != address.namespace:
        return False
    labels = body["metadata"].get("labels", {})
    for wanted in filter(None, query.get("labelSelector", "").split(",")):
        name, _, value = wanted.partition("=")
        if labels.get(name) != value:
            return False
    for wanted in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, value = wanted.partition("=")
        node = body
        for part in path.split("."):
            node = node.get(part, {})
        if node != value:
            return False
    return True


def _merged(old: object, patch: object) -> object:
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _version(body: dict) -> str:
    return body["metadata"]["resourceVersion"]


def _line(type_: str, body: dict) -> bytes:
    told = {name: value for name, value in body.items() if name != "_plural"}
    return json.dumps({"type": type_, "object": told}).encode() + b"\n"


def _json(body: dict, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def _conflict(address: Address) -> web.Response:
    return _status(409, "Conflict", f"{address.plural} {address.name} has been modified")


def _status(code: int, reason: str, message: str) -> web.Response:
    kind = "Success" if code < 400 else "Failure"
    return _json({"kind": "Status", "status": kind, "reason": reason, "message": message}, code)


def refuse(
    code: int, reason: str = "", message: str = "", headers: dict[str, str] | None = None
) -> Handler:
    """Answers as the API server refuses."""

    async def answer(_: web.Request) -> web.Response:
        response = _status(code, reason, message)
        response.headers.update(headers or {})
        return response

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Closes the connection without an answer."""
    request.transport.close()
    return web.Response()


def say(text: str, code: int = 200) -> Handler:
    """Answers with that text, whatever it is."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=code)

    return answer


def break_off(text: str, code: int = 200, promised: int = 10_000) -> Handler:
    """Promises so many bytes, sends `text`, and closes the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=code, headers={"Content-Length": str(promised)})
        await response.prepare(request)
        await response.write(text.encode())
        request.transport.close()
        return response

    return answer


@asynccontextmanager
async def serving(bucket: TokenBucket | None = None) -> AsyncIterator[tuple[ApiServer, Cluster]]:
    """The server, and a client of it."""
    server = ApiServer()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    cluster = client(server.url, bucket)
    try:
        yield server, cluster
    finally:
        await cluster.close()
        await runner.cleanup()


def client(url: str, bucket: TokenBucket | None = None, **options: object) -> Cluster:
    """A client of whoever listens there."""
    configuration = Configuration(host=url)
    # Without one of its own each client would read the machine's 140 authorities first.
    configuration.ca_cert_data = _authority()
    return Cluster(ApiClient(configuration), bucket or TokenBucket(1e6, 10**6), **options)


@cache
def _authority() -> str:
    """A certificate that signs nothing."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2120, 1, 1))
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM).decode()


CONFIG_MAP = Kind("v1", "configmaps")


def config_map(name: str, **fields: object) -> dict:
    """The plainest object there is."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "clinic", **fields},
        "data": {"a": "1"},
    }
