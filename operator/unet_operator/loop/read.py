"""Reads what no watch reports: claims, the launcher's log, warnings about pods.

Each is read only when a decision hangs on it, and never more often than every 15 seconds a
training, unless the settings say otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import CLAIMS, EVENTS, POD_GROUPS
from unet_operator.lifecycle.phase import terminal
from unet_operator.lifecycle.reevaluate import wanted_again
from unet_operator.observe.objects import Claim, Job, Observed, Pod
from unet_operator.observe.parse import parse_claim, parse_event
from unet_operator.observe.progress import LogReading, read_log
from unet_operator.observe.store import Key, Store

log = logging.getLogger(__name__)

GANG_PERIOD = timedelta(minutes=10)
"""How long an answer to "is there a PodGroup API" holds: a cluster may be upgraded."""
PATIENCE = timedelta(seconds=4)
"""How long a Job or pod may take before it is worth asking what keeps it."""
MOST_PODS_ASKED = 3
"""Pods that do not start whose warnings are read at once: the others say the same."""
LINES, LINES_WITH_PLAN = 400, 5000
"""Lines read from the end of the log: enough for the progress, and for the plan before it."""
LONGEST_WARNING = 600
"""Characters kept of a warning: it goes into a condition's message."""


@dataclass
class _Readings:
    """What was read of one training, and when."""

    claims: dict[str, Claim] = field(default_factory=dict)
    log_pod: str = ""
    """uid of the launcher pod that `log` was read from."""
    log_read: datetime | None = None
    log_ended: bool = False
    """Whether the log was read after its container had ended: it will not grow any more."""
    log: LogReading = field(default_factory=LogReading)
    """The last reading: it is given again until its progress has been written."""
    warnings: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """By the uid of the object they are about: when it was asked, and the last of them."""


class Reader:
    """Completes what the store knows of a training."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        now: Callable[[], datetime],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._cluster, self._store, self._now = cluster, store, now
        self._period = timedelta(seconds=look_seconds)
        self._readings: dict[Key, _Readings] = {}
        self._gang: tuple[datetime, bool] | None = None
        """When it was asked whether gangs can be bound, and the answer."""

    def forget(self, key: Key) -> None:
        """Drops what is remembered of a training that is gone."""
        self._readings.pop(key, None)

    async def read(self, training: UNetTraining) -> Observed:
        """All that decisions about the training hang on.

        Raises:
            ApiError: claims or warnings cannot be read.
        """
        key = (training.meta.namespace, training.name)
        readings = self._readings.setdefault(key, _Readings())
        jobs = self._store.jobs(key, training.meta.uid)
        pods = self._store.pods(key, training.meta.uid)
        if terminal(training.status) and not wanted_again(training):
            return Observed(jobs=jobs, pods=pods, claims=readings.claims)
        waiting = training.status.attempt == 0 or training.status.next_attempt_time is not None
        if waiting or not readings.claims:
            readings.claims = await self._claims(training)
        return Observed(
            jobs=jobs,
            pods=pods,
            claims=readings.claims,
            log=await self._log(training, pods, readings),
            warnings=await self._warnings(training, jobs, pods, readings),
            gang_available=waiting and await self._gang_available(training),
        )

    async def _claims(self, training: UNetTraining) -> dict[str, Claim]:
        wanted = {training.spec.dataset.volume.claim_name, training.output_claim}
        namespace = training.meta.namespace
        return {
            name: parse_claim(name, await self._cluster.get(CLAIMS, namespace, name))
            for name in sorted(wanted)
        }

    async def _log(
        self, training: UNetTraining, pods: tuple[Pod, ...], readings: _Readings
    ) -> LogReading:
        """The launcher's latest words: every 15 s while it runs, once more at its end."""
        attempt = training.status.attempt
        pod = next((p for p in pods if p.role == "launcher" and p.attempt == attempt), None)
        if pod is None or training.status.holds("Trained"):
            return LogReading()
        if readings.log_pod != pod.uid:
            readings.log_pod, readings.log, readings.log_ended = pod.uid, LogReading(), False
            readings.log_read = None
        if not self._log_due(pod, readings):
            return readings.log
        readings.log_read, readings.log_ended = self._now(), "launch" in pod.exits
        written = await self._log_text(training, pod)
        if written is not None:
            reading = read_log(written, training.status.training)
            readings.log = LogReading(reading.progress, reading.plan or readings.log.plan)
        return readings.log

    def _log_due(self, pod: Pod, readings: _Readings) -> bool:
        if readings.log_ended:
            return False
        if "launch" in pod.exits:
            return True
        recent = readings.log_read is not None and self._now() < readings.log_read + self._period
        return "launch" in pod.running and not recent

    async def _log_text(self, training: UNetTraining, pod: Pod) -> str | None:
        """The end of the launcher's log; None if it cannot be had."""
        namespace = training.meta.namespace
        lines = LINES if training.status.plan is not None else LINES_WITH_PLAN
        try:
            return await self._cluster.logs(namespace, pod.name, "launch", lines)
        except ApiError as error:
            # A node that is lost gives no log, and its pods must still be seen to.
            extra = {"training": f"{namespace}/{training.name}"}
            log.warning("log of %s: %s", pod.name, error, extra=extra)
            return None

    async def _warnings(
        self,
        training: UNetTraining,
        jobs: dict[str, Job],
        pods: tuple[Pod, ...],
        readings: _Readings,
    ) -> dict[str, str]:
        """The last warning about each Job that lacks pods and each pod that does not start."""
        now = self._now()
        warnings: dict[str, tuple[datetime, str]] = {}
        for uid in _stuck(jobs.values(), pods, now - PATIENCE):
            known = readings.warnings.get(uid)
            if known is None or now >= known[0] + self._period:
                known = (now, await self._last_warning(training.meta.namespace, uid))
            warnings[uid] = known
        readings.warnings = warnings
        return {uid: message for uid, (_, message) in warnings.items() if message}

    async def _last_warning(self, namespace: str, uid: str) -> str:
        """The message of the last warning about an object, on one line; empty for none."""
        selector = f"involvedObject.uid={uid},type=Warning"
        found = await self._cluster.list(EVENTS, namespace, fieldSelector=selector)
        events = [parse_event(body) for body in found.objects]
        last = max(events, key=lambda event: event.time, default=None)
        return " ".join(last.message.split())[:LONGEST_WARNING] if last else ""

    async def _gang_available(self, training: UNetTraining) -> bool:
        if training.spec.run_policy.gang == "none":
            return False
        now = self._now()
        if self._gang is None or now >= self._gang[0] + GANG_PERIOD:
            try:
                self._gang = (now, await self._cluster.serves(POD_GROUPS))
            except ApiError:
                return False
        return self._gang[1]


def _stuck(jobs: Iterable[Job], pods: tuple[Pod, ...], since: datetime) -> list[str]:
    """uids of pods that do not start, and of Jobs that lack pods, though made before `since`."""
    starting = [pod for pod in pods if pod.starting and pod.waiting is None]
    stuck = [pod.uid for pod in starting if _made_before(pod, since)][:MOST_PODS_ASKED]
    for job in jobs:
        made = [pod for pod in pods if pod.role == job.role and pod.attempt == job.attempt]
        idle = job.suspended or job.complete or bool(job.failed)
        if not idle and len(made) < job.completions and _made_before(job, since):
            stuck.append(job.uid)
    return stuck


def _made_before(child: Job | Pod, moment: datetime) -> bool:
    return child.created is not None and child.created < moment
