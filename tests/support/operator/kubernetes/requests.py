"""Requests as URLs name them, and the faults that wait for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from support.operator.kubernetes.objects import Key, Object

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ANY = ""


@dataclass(frozen=True)
class Address:
    """What a URL names; empty where it names nothing."""

    plural: str
    namespace: str
    name: str
    sub: str

    @property
    def key(self) -> Key:
        """Where the object is kept."""
        return self.plural, self.namespace, self.name


def address(path: str) -> Address:
    """What the URL path names."""
    parts = path.strip("/").split("/")
    rest = parts[2 if parts[0] == "api" else 3 :]
    namespace = ""
    if rest[:1] == ["namespaces"]:
        namespace, rest = rest[1], rest[2:]
    plural, name, sub = (*rest, "", "", "")[:3]
    return Address(plural, namespace, name, sub)


@dataclass(frozen=True)
class Request:
    """A request that was answered."""

    method: str
    address: Address
    query: dict[str, str]
    headers: dict[str, str]
    body: Object


@dataclass
class Fault:
    """What to answer instead, for so many requests that fit."""

    method: str
    plural: str
    answer: Handler
    times: int

    def fits(self, method: str, plural: str) -> bool:
        """Whether it is meant for such a request."""
        return self.method in (ANY, method) and self.plural in (ANY, plural)


@dataclass
class Traffic:
    """The requests so far, and the faults to come."""

    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(
        self, answer: Handler, *, method: str = ANY, plural: str = ANY, times: int = 1
    ) -> None:
        """Answers the next `times` requests that fit with `answer`."""
        self.faults.append(Fault(method, plural, answer, times))

    def due(self, method: str, plural: str) -> Handler | None:
        """The fault that such a request meets now, if one waits for it."""
        for fault in self.faults:
            if fault.fits(method, plural):
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault.answer
        return None

    def made(self, method: str, plural: str = ANY) -> list[Request]:
        """Requests so far with that method, and about that kind."""
        return [
            r for r in self.requests if r.method == method and plural in (ANY, r.address.plural)
        ]
