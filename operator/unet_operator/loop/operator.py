"""Puts the parts together and keeps them running: watches, leader, workers, resync.

kopf-free, so that the frame around it (`app.py`) can be replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime

from aiohttp import web

from unet_operator.api.json_object import JsonObject
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.connect import connect
from unet_operator.cluster.errors import ApiError, NoClusterError
from unet_operator.cluster.kinds import JOBS, PODS, TRAININGS
from unet_operator.cluster.leader import Leader
from unet_operator.cluster.watch import Watch
from unet_operator.loop.metrics import Metrics
from unet_operator.loop.probes import Health, serve
from unet_operator.loop.queue import WorkQueue
from unet_operator.loop.reconcile import Reconciler
from unet_operator.loop.settings import Settings
from unet_operator.observe.store import Key, Store, parse_training

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
        self._probes: web.AppRunner | None = None

    def training_changed(self, event_type: str | None, body: JsonObject) -> None:
        """Takes in an event about a UNetTraining.

        Args:
            event_type: ADDED, MODIFIED, DELETED, or None for one that was listed.
            body: the object as it is now, or was last.
        """
        if event_type == "DELETED":
            training = parse_training(body)
            self._store.drop_training(training.key, training.uid)
        else:
            training = self._store.put_training(body)
        self._queue.add(training.key)

    async def start(self) -> None:
        """Connects and starts every part; returns at once.

        Raises:
            CannotStart: no cluster is known or none answers, or the port is taken.
        """
        cluster = await self._connect()
        namespace = self._settings.namespace or None
        watches = [
            Watch(cluster, self._store, kind, namespace, self._queue.add) for kind in (JOBS, PODS)
        ]
        for watch in watches:
            self._spawn(watch.run())
        self._spawn(self._metrics.measure_lag())
        self._spawn(self._lead(cluster, watches))
        await self._serve_probes(watches)

    async def close(self) -> None:
        """Stops every part and gives up the lead."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._queue.close()
        if self._leader is not None and self._leader.leading:
            await self._leader.release()
        if self._probes is not None:
            await self._probes.cleanup()
        if self._cluster is not None:
            await self._cluster.close()

    async def _connect(self) -> Cluster:
        settings = self._settings
        try:
            cluster = await connect(settings.qps, settings.burst, self._metrics.count)
        except NoClusterError as error:
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
        return cluster

    async def _serve_probes(self, watches: list[Watch[Key]]) -> None:
        health = Health(
            depth=lambda: len(self._queue) if self._metrics.leading else 0,
            handled=lambda: self._queue.handled,
            lag=lambda: self._metrics.lag,
        )
        port = self._settings.port
        try:
            self._probes = await serve(
                port, health, lambda: all(watch.synced.is_set() for watch in watches), self._metrics
            )
        except OSError as error:
            raise CannotStart(
                f"port {port} for probes and metrics: {error.strerror}; set UNET_OPERATOR_PORT"
            ) from error

    async def _lead(self, cluster: Cluster, watches: list[Watch[Key]]) -> None:
        """Works once the stores are warm and this replica leads; stops all if it loses that."""
        settings = self._settings
        for watch in watches:
            await watch.synced.wait()
        leader = Leader(
            cluster,
            settings.own_namespace,
            settings.identity,
            utc_now,
            duration=settings.lease_seconds,
        )
        if settings.leader_election:
            await leader.acquire()
            self._leader = leader
        self._metrics.leading = True
        reconciler = Reconciler(cluster, self._store, settings, utc_now)
        for _ in range(settings.workers):
            self._spawn(self._work(reconciler))
        self._spawn(self._resync(cluster))
        if settings.leader_election:
            await leader.hold()
            log.error("the lease is lost: this replica stops")
            self._metrics.leading = False
            self._stop()

    async def _work(self, reconciler: Reconciler) -> None:
        while True:
            key = await self._queue.take()
            extra = {"training": "/".join(key)}
            failed = True
            wake: float | None = None
            try:
                with self._metrics.reconcile.time():
                    wake = await reconciler.reconcile(key)
                failed = False
            except ApiError as error:
                log.warning("to be tried again: %s", error, extra=extra)
            except Exception:
                # A fault of ours on one training must not stop the others.
                log.exception("fault in the operator", extra=extra)
            finally:
                if failed:
                    self._metrics.failures.inc()
                else:
                    self._queue.later(key, wake)
                self._queue.done(key, failed=failed)

    async def _resync(self, cluster: Cluster) -> None:
        while True:
            await asyncio.sleep(RESYNC)
            try:
                gone = await self._read_all(cluster)
            except ApiError as error:
                log.warning("resync: %s", error)
                continue
            for key in gone:
                self._queue.add(key)
            for training in self._store.trainings():
                self._queue.add(training.key)

    async def _read_all(self, cluster: Cluster) -> set[Key]:
        """Reads every training anew, a page at a time; returns those that are gone."""
        listed: set[Key] = set()
        version = "0"
        async for page in cluster.pages(TRAININGS, self._settings.namespace or None):
            version = page.version
            listed.update(self._store.put_training(body).key for body in page.objects)
        return self._store.keep_trainings(listed, version)

    def _spawn(self, work: Coroutine[object, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a part of the operator failed: it stops", exc_info=task.exception())
            self._stop()
