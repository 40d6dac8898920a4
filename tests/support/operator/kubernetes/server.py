"""The API server of a simulated cluster over real HTTP, with faults on demand.

`support.operator.statements` says in words what it promises; the same words are put to the
real API server by tests/integration/operator/test_statements.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from uuid import uuid4

from aiohttp import web

from support.operator.kubernetes.answers import answered, hang_up, refused
from support.operator.kubernetes.cluster import SimulatedCluster
from support.operator.kubernetes.objects import Key, Object, key_of, with_meta
from support.operator.kubernetes.refusal import Refusal, not_found
from support.operator.kubernetes.requests import Address, Request, Traffic, address
from support.operator.kubernetes.selectors import selects
from support.operator.kubernetes.store import Change
from support.operator.kubernetes.verbs import PAGE, do, page


class ApiServer(Traffic):
    """Answers requests about a simulated cluster, and keeps a log of them."""

    def __init__(self, cluster: SimulatedCluster | None = None) -> None:
        super().__init__()
        self.cluster = cluster or SimulatedCluster()
        self.store = self.cluster.store
        self.logs = self.cluster.hand.logs
        self.served: set[str] = set()
        """Plurals that discovery tells of, in any group."""
        self.forgotten = 0
        """Watches from a version below this one get 410."""
        self.page = PAGE
        """Most objects in one answer, whatever the client asks for."""
        self.behind = 0
        """How many versions reads of single objects lag behind, as those of a stale cache do."""
        self.repeat: Callable[[Change], int] = lambda change: 1
        """How often watches tell of a change: 0 drops it, 2 doubles it."""
        self.url = ""
        self._cuts = 0
        self._news = asyncio.Event()
        self.store.listeners.append(self._news.set)

    @property
    def objects(self) -> dict[Key, Object]:
        """All objects, as they are kept."""
        return self.store.objects

    @property
    def version(self) -> int:
        """The last version given."""
        return self.store.version

    def find(self, plural: str, name: str, namespace: str = "clinic") -> Object | None:
        """An object, as it is kept."""
        return self.store.find(plural, namespace, name)

    async def put(self, plural: str, body: Object) -> Object:
        """Creates or replaces an object behind the operator's back."""
        known = key_of(plural, body) in self.objects
        if "uid" not in body["metadata"]:
            body = with_meta(body, uid=str(uuid4()))
        return self.store.keep(plural, body, "MODIFIED" if known else "ADDED")

    async def remove(self, plural: str, name: str, namespace: str = "clinic") -> None:
        """Takes an object away behind the operator's back."""
        self.store.drop(plural, namespace, name)

    async def bookmark(self) -> None:
        """Tells every watch how far it has come."""
        self.store.version += 1
        mark = {"metadata": {"resourceVersion": str(self.version)}}
        self.store.tell(Change(self.version, "BOOKMARK", "", mark))

    async def forget(self) -> None:
        """Ends every watch, and lets no watch begin from a version that is known so far."""
        self.store.version += 1
        self.forgotten = self.version
        await self.cut()

    async def cut(self) -> None:
        """Ends every watch."""
        self._cuts += 1
        self._news.set()

    async def do_and_hang_up(self, request: web.Request) -> web.StreamResponse:
        """A fault: does what was asked and closes the connection without saying so."""
        await self.handle(request, await request.json())
        return await hang_up(request)

    async def handle(self, request: web.Request, body: Object) -> web.StreamResponse:
        """Does what was asked."""
        about = address(request.path)
        try:
            return await self._do(request, about, body)
        except Refusal as refusal:
            return refused(refusal)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        about = address(request.path)
        text = await request.text()
        body = json.loads(text) if text else {}
        self.requests.append(
            Request(request.method, about, dict(request.query), dict(request.headers), body)
        )
        fault = self.due(request.method, about.plural)
        return await (fault(request) if fault else self.handle(request, body))

    async def _do(self, request: web.Request, about: Address, body: Object) -> web.StreamResponse:
        if not about.plural:
            return self._discover()
        if about.sub == "log":
            return self._log(about, dict(request.query))
        if request.method == "GET" and not about.name:
            if request.query.get("watch") == "true":
                return await self._watch(about, request)
            return answered(page(self.store, about, dict(request.query), self.page))
        if request.method == "GET" and self.behind:
            return answered(self._stale(about))
        done = do(self.store, request.method, about, body, request.content_type)
        return answered(done, 201 if request.method == "POST" else 200)

    def _stale(self, about: Address) -> Object:
        found = self.store.as_of(self.version - self.behind).get(about.key)
        if found is None:
            raise not_found(about.plural, about.name)
        return found

    async def _watch(self, about: Address, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        version = int(query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        if version < self.forgotten:
            status = {"code": 410, "reason": "Expired", "message": "too old resource version"}
            await response.write(_line("ERROR", status))
            return response
        cuts = self._cuts
        end = asyncio.get_running_loop().time() + float(query["timeoutSeconds"])
        while True:
            for change in [c for c in self.store.changes if c.version > version]:
                if change.type == "BOOKMARK" or _concerns(change, about, query):
                    for _ in range(self.repeat(change)):
                        await response.write(_line(change.type, change.body))
                version = max(version, change.version)
            if not await self._something_new(version, cuts, end) or self._cuts > cuts:
                return response

    async def _something_new(self, version: int, cuts: int, end: float) -> bool:
        """Waits until there are later changes or the watches are cut; False at the time's end."""
        loop = asyncio.get_running_loop()
        while self.version <= version and self._cuts == cuts:
            self._news.clear()
            try:
                async with asyncio.timeout(end - loop.time()):
                    await self._news.wait()
            except TimeoutError:
                return False
        return True

    def _log(self, about: Address, query: dict[str, str]) -> web.Response:
        text = self.logs.get((about.name, query["container"]))
        if text is None:
            raise Refusal(400, "BadRequest", "container is waiting to start")
        lines = text.splitlines(keepends=True)[-int(query["tailLines"]) :]
        return web.Response(text="".join(lines))

    def _discover(self) -> web.Response:
        if not self.served:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        return answered({"resources": [{"name": plural} for plural in sorted(self.served)]})


def _concerns(change: Change, about: Address, query: dict[str, str]) -> bool:
    """Whether a watch is told of a change."""
    return (
        change.plural == about.plural
        and about.namespace in ("", change.body["metadata"].get("namespace", ""))
        and selects(change.body, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    )


def _line(type_: str, body: Object) -> bytes:
    return json.dumps({"type": type_, "object": body}).encode() + b"\n"
