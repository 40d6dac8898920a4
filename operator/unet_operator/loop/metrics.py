"""Prometheus metrics, and the lag of the event loop that probes go by."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from unet_operator.observe.store import Store

LAG_PERIOD = 0.5
"""Seconds between two measurements of the loop's lag."""


class Metrics:
    """The operator's metrics, in a registry of their own."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reconcile = Histogram(
            "unet_operator_reconcile_seconds",
            "Time of one look at one training.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.failures = Counter(
            "unet_operator_reconcile_failures",
            "Looks that failed and are tried again.",
            registry=self.registry,
        )
        self.requests = Counter(
            "unet_operator_api_requests",
            "Requests to the API server; code 0 had no answer.",
            ("method", "resource", "code"),
            registry=self.registry,
        )
        self.depth = Gauge(
            "unet_operator_queue_depth",
            "Trainings that wait for a look.",
            registry=self.registry,
        )
        self.lag = 0.0
        """Seconds by which the event loop last ran a timer late."""
        Gauge(
            "unet_operator_loop_lag_seconds",
            "How late the event loop runs its timers.",
            registry=self.registry,
        ).set_function(lambda: self.lag)
        self.leading = False
        """Whether this replica acts."""
        Gauge(
            "unet_operator_leading",
            "1 while this replica acts.",
            registry=self.registry,
        ).set_function(lambda: float(self.leading))
        self.registry.register(_Trainings(store))

    def count(self, method: str, resource: str, code: int) -> None:
        """Counts a request to the API server."""
        self.requests.labels(method, resource, str(code)).inc()

    async def measure_lag(self) -> None:
        """Measures the loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(LAG_PERIOD)
            self.lag = max(0.0, loop.time() - before - LAG_PERIOD)


class _Trainings(Collector):
    """Counts trainings by phase when asked, so that nothing has to be kept in step."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields the one family."""
        family = GaugeMetricFamily("unet_trainings", "UNetTrainings by phase.", labels=("phase",))
        phases = Tally(training.phase or "Pending" for training in self._store.trainings())
        for phase, count in sorted(phases.items()):
            family.add_metric((phase,), count)
        yield family
