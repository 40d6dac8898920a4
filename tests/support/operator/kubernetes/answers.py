"""Answers that no API server in good health gives, to be put in the way of requests."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.refusal import Refusal
from support.operator.kubernetes.requests import Handler


def answered(body: Object, code: int = 200) -> web.Response:
    """An object, as an answer."""
    return web.json_response(body, status=code)


def refused(refusal: Refusal) -> web.Response:
    """A refusal, as an answer."""
    body: Object = {
        "kind": "Status",
        "status": "Failure",
        "reason": refusal.reason,
        "message": refusal.message,
        "code": refusal.code,
    }
    return answered(body, refusal.code)


class Refuse(Refusal):
    """A fault that answers as the API server refuses; it also serves where there is no HTTP."""

    def __init__(
        self, code: int, reason: str = "", message: str = "", headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(code, reason, message)
        self._headers = dict(headers)

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        """Answers a request."""
        response = refused(self)
        response.headers.update(self._headers)
        return response


def refuse(
    code: int, reason: str = "", message: str = "", headers: Mapping[str, str] | None = None
) -> Refuse:
    """Answers as the API server refuses."""
    return Refuse(code, reason, message, headers or {})


def too_many_requests(seconds: int) -> Refuse:
    """The API server is busy, and says for how long it wants to be left alone."""
    return refuse(429, "TooManyRequests", "try again later", {"Retry-After": str(seconds)})


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def say(text: str, code: int = 200) -> Handler:
    """Answers with that text, whatever it is."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=code)

    return answer


def break_off(text: str, code: int = 200, promised: int = 10_000) -> Handler:
    """Promises so many bytes, sends `text`, and closes the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=code, headers={"Content-Length": str(promised)})
        await response.prepare(request)
        await response.write(text.encode())
        if request.transport is not None:
            request.transport.close()
        return response

    return answer
