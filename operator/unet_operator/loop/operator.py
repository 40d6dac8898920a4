"""Puts the parts together and keeps them running: watches, leader, workers, resync.

kopf-free, so that the frame around it (`app.py`) can be replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from unet_operator.cluster.client import (
    JOBS,
    PODS,
    TRAININGS,
    ApiError,
    Cluster,
    ConfigException,
    connect,
)
from unet_operator.cluster.leader import Leader
from unet_operator.cluster.watch import Watch
from unet_operator.loop.metrics import Metrics
from unet_operator.loop.probes import Health, serve
from unet_operator.loop.queue import WorkQueue
from unet_operator.loop.reconcile import Reconciler
from unet_operator.loop.settings import Settings
from unet_operator.observe.objects import Body
from unet_operator.observe.store import Key, Store

log = logging.getLogger(__name__)

RESYNC = 300.0
"""Seconds between two looks at everything: insurance against news that got lost."""


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


class CannotStart(Exception):
    """What the operator needs to begin with is not there; the message says what to do."""


class Operator:
    """The running operator."""

    def __init__(self, settings: Settings, stop: Callable[[], None]) -> None:
        self._settings, self._stop = settings, stop
        self._store = Store()
        self._queue: WorkQueue[Key] = WorkQueue()
        self._metrics = Metrics(self._store)
        self._metrics.depth.set_function(lambda: len(self._queue))
        self._tasks: set[asyncio.Task[None]] = set()
        self._cluster: Cluster | None = None
        self._leader: Leader | None = None
        self._runner: web.AppRunner | None = None

    def news(self, type_: str | None, body: Body) -> None:
        """Takes in an event about a UNetTraining."""
        gone = type_ == "DELETED"
        key = self._store.drop_training(body) if gone else self._store.put_training(body)
        self._queue.add(key)

    async def start(self) -> None:
        """Connects and starts every part; returns at once.

        Raises:
            CannotStart: no cluster is known or none answers, or the port is taken.
        """
        settings = self._settings
        try:
            cluster = await connect(settings.qps, settings.burst, self._metrics.count)
        except ConfigException as error:
            raise CannotStart(
                f"no cluster is known: run in a pod with a service account, or set KUBECONFIG "
                f"({error})"
            ) from error
        self._cluster = cluster
        try:
            await cluster.serves(TRAININGS)
        except ApiError as error:
            if not error.status:
                raise CannotStart(
                    f"{cluster.url}: no answer from the API server ({error.message}); check "
                    "KUBECONFIG, or the network between this pod and it"
                ) from error
            log.warning("to be tried again: %s", error)
        namespace = settings.namespace or None
        watches = [
            Watch(cluster, self._store, kind, namespace, self._queue.add) for kind in (JOBS, PODS)
        ]
        for watch in watches:
            self._spawn(watch.run())
        self._spawn(self._metrics.measure_lag())
        self._spawn(self._lead(watches))
        health = Health(
            depth=lambda: len(self._queue) if self._metrics.leading._value.get() else 0,
            handled=lambda: self._queue.handled,
            lag=lambda: self._metrics.lag._value.get(),
        )
        try:
            self._runner = await serve(
                settings.port,
                health,
                lambda: all(watch.synced.is_set() for watch in watches),
                self._metrics,
            )
        except OSError as error:
            raise CannotStart(
                f"port {settings.port} for probes and metrics: {error.strerror}; set "
                "UNET_OPERATOR_PORT"
            ) from error

    async def close(self) -> None:
        """Stops every part and gives up the lead."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._queue.close()
        if self._leader is not None and self._leader.leading:
            await self._leader.release()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._cluster is not None:
            await self._cluster.close()

    async def _lead(self, watches: list[Watch]) -> None:
        """Works once the stores are warm and this replica leads; stops all if it loses that."""
        cluster, settings = self._cluster, self._settings
        for watch in watches:
            await watch.synced.wait()
        leader = Leader(cluster, settings.own_namespace, settings.identity, utc_now)
        if settings.leader_election:
            await leader.acquire()
            self._leader = leader
        self._metrics.leading.set(1)
        reconciler = Reconciler(cluster, self._store, settings, utc_now)
        for _ in range(settings.workers):
            self._spawn(self._work(reconciler))
        self._spawn(self._resync())
        if settings.leader_election:
            await leader.hold()
            log.error("the lease is lost: this replica stops")
            self._metrics.leading.set(0)
            self._stop()

    async def _work(self, reconciler: Reconciler) -> None:
        while True:
            key = await self._queue.take()
            training = "/".join(key)
            failed = True
            wake: float | None = None
            try:
                with self._metrics.reconcile.time():
                    wake = await reconciler.reconcile(key)
                failed = False
            except ApiError as error:
                log.warning("to be tried again: %s", error, extra={"training": training})
            except Exception:
                # A fault of ours on one training must not stop the others.
                log.exception("fault in the operator", extra={"training": training})
            finally:
                if failed:
                    self._metrics.failures.inc()
                else:
                    self._queue.later(key, wake)
                self._queue.done(key, failed=failed)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC)
            try:
                gone = await self._read_all()
            except ApiError as error:
                log.warning("resync: %s", error)
                continue
            for key in gone:
                self._queue.add(key)
            for key, _ in self._store.trainings():
                self._queue.add(key)

    async def _read_all(self) -> set[Key]:
        """Reads every training anew, a page at a time; returns those that are gone."""
        listed: set[Key] = set()
        at = "0"
        namespace = self._settings.namespace or None
        async for page, at in self._cluster.pages(TRAININGS, namespace):  # noqa: B007
            listed.update(self._store.put_training(body) for body in page)
        return self._store.keep_trainings(listed, int(at))

    def _spawn(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a part of the operator failed: it stops", exc_info=task.exception())
            self._stop()
