"""Probes and metrics over HTTP.

/healthz fails when the loop lags by more than 30 seconds or work waits and none gets done,
/readyz until the first lists are in, /metrics is Prometheus' text format.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from unet_operator.loop.metrics import Metrics

STALLED = 300.0
"""Seconds without a finished look, with work waiting, that count as stalled."""
LAGGING = 30.0
"""Seconds by which a loop that still works is never late."""


class Health:
    """Whether work gets done."""

    def __init__(
        self,
        depth: Callable[[], int],
        handled: Callable[[], int],
        lag: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._depth, self._handled, self._lag, self._clock = depth, handled, lag, clock
        self._last = (handled(), clock())

    def fault(self) -> str:
        """What is wrong, or nothing."""
        handled, now = self._handled(), self._clock()
        if handled != self._last[0] or self._depth() == 0:
            self._last = (handled, now)
        if now - self._last[1] > STALLED:
            return f"no look finished for {STALLED:.0f} s with work waiting"
        if self._lag() > LAGGING:
            return f"the event loop lags by {self._lag():.1f} s"
        return ""


async def serve(
    port: int, health: Health, ready: Callable[[], bool], metrics: Metrics
) -> web.AppRunner:
    """Starts the server; `cleanup` of what it returns stops it."""

    async def healthz(_: web.Request) -> web.Response:
        fault = health.fault()
        return web.Response(text=fault or "ok", status=500 if fault else 200)

    async def readyz(_: web.Request) -> web.Response:
        is_ready = ready()
        return web.Response(
            text="ok" if is_ready else "first lists are not in yet",
            status=200 if is_ready else 503,
        )

    async def metrics_text(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics_text),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
