"""Looks at what no watch reports: claims, the launcher's log, warnings about pods.

Each is read only when a decision hangs on it, and never more often than every 15 seconds a
training.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.cluster.client import CLAIMS, EVENTS, POD_GROUPS, ApiError, Cluster
from unet_operator.lifecycle.phase import terminal
from unet_operator.lifecycle.reevaluate import wanted_again
from unet_operator.observe.objects import Claim, Job, Observed, Pod, claim
from unet_operator.observe.progress import LogReading, read_log
from unet_operator.observe.store import Key, Store

log = logging.getLogger(__name__)

PERIOD = timedelta(seconds=LOOK_SECONDS)
GANG_PERIOD = timedelta(minutes=10)
"""How long an answer to "is there a PodGroup API" holds: a cluster may be upgraded."""
PATIENCE = timedelta(seconds=4)
"""How long a Job or pod may take before it is worth asking what keeps it."""


@dataclass
class _Memory:
    """What was read of one training, and when."""

    claims: dict[str, Claim] = field(default_factory=dict)
    log_of: str = ""
    """uid of the launcher pod that `log` was read from."""
    log_read: datetime | None = None
    log_ended: bool = False
    log: LogReading = field(default_factory=LogReading)
    """The last reading: it is given again until its progress has been written."""
    warnings: dict[str, tuple[datetime, str]] = field(default_factory=dict)


class Looker:
    """Completes what the store knows of a training."""

    def __init__(self, cluster: Cluster, store: Store, now: Callable[[], datetime]) -> None:
        self._cluster, self._store, self._now = cluster, store, now
        self._memory: dict[Key, _Memory] = {}
        self._gang: tuple[datetime, bool] | None = None

    def forget(self, key: Key) -> None:
        """Drops what is remembered of a training that is gone."""
        self._memory.pop(key, None)

    async def look(self, training: UNetTraining) -> Observed:
        """All that decisions about the training hang on."""
        key = (training.meta.namespace, training.name)
        memory = self._memory.setdefault(key, _Memory())
        jobs = self._store.jobs(key, training.meta.uid)
        known = {job.name: job for job in jobs.values()}
        pods = self._store.pods(key, training.meta.uid)
        if terminal(training.status) and not wanted_again(training):
            return Observed(jobs=known, pods=pods, claims=memory.claims)
        waiting = training.status.attempt == 0 or training.status.next_attempt_time is not None
        if waiting or not memory.claims:
            memory.claims = await self._claims(training)
        return Observed(
            jobs=known,
            pods=pods,
            claims=memory.claims,
            log=await self._log(training, pods, memory),
            warnings=await self._warnings(training, known, pods, memory),
            gang_available=waiting and await self._gang_available(training),
        )

    async def _claims(self, training: UNetTraining) -> dict[str, Claim]:
        wanted = {training.spec.dataset.volume.claim_name, training.output_claim}
        namespace = training.meta.namespace
        return {
            name: claim(name, await self._cluster.get(CLAIMS, namespace, name))
            for name in sorted(wanted)
        }

    async def _log(
        self, training: UNetTraining, pods: tuple[Pod, ...], memory: _Memory
    ) -> LogReading:
        """The launcher's latest words: every 15 s while it runs, once more at its end."""
        status = training.status
        pod = next((p for p in pods if p.role == "launcher" and p.attempt == status.attempt), None)
        if pod is None or status.holds("Trained"):
            return LogReading()
        if memory.log_of != pod.uid:
            memory.log_of, memory.log, memory.log_ended = pod.uid, LogReading(), False
            memory.log_read = None
        now = self._now()
        ended = "launch" in pod.exits
        recent = memory.log_read is not None and now < memory.log_read + PERIOD
        if memory.log_ended or not (ended or "launch" in pod.running) or (recent and not ended):
            return memory.log
        memory.log_read, memory.log_ended = now, ended
        lines = 400 if status.plan is not None else 5000
        try:
            text = await self._cluster.logs(training.meta.namespace, pod.name, "launch", lines)
        except ApiError as error:
            # A node that is lost gives no log, and its pods must still be seen to.
            log.warning(
                "log of %s: %s",
                pod.name,
                error,
                extra={"training": f"{training.meta.namespace}/{training.name}"},
            )
            return memory.log
        found = read_log(text, status.training)
        memory.log = LogReading(found.progress, found.plan or memory.log.plan)
        return memory.log

    async def _warnings(
        self,
        training: UNetTraining,
        jobs: dict[str, Job],
        pods: tuple[Pod, ...],
        memory: _Memory,
    ) -> dict[str, str]:
        """The last warning about each Job that lacks pods and each pod that does not start."""
        now = self._now()
        late = now - PATIENCE
        stuck = [p.uid for p in pods if p.starting and p.waiting is None and _before(p, late)][:3]
        for job in jobs.values():
            mine = [p for p in pods if p.role == job.role and p.attempt == job.attempt]
            idle = job.suspended or job.complete or bool(job.failed)
            if not idle and len(mine) < job.completions and _before(job, late):
                stuck.append(job.uid)
        found: dict[str, tuple[datetime, str]] = {}
        for uid in stuck:
            old = memory.warnings.get(uid)
            if old is None or now >= old[0] + PERIOD:
                old = (now, await self._last_warning(training.meta.namespace, uid))
            found[uid] = old
        memory.warnings = found
        return {uid: text for uid, (_, text) in found.items() if text}

    async def _last_warning(self, namespace: str, uid: str) -> str:
        events, _ = await self._cluster.list(
            EVENTS, namespace, fieldSelector=f"involvedObject.uid={uid},type=Warning"
        )
        last = max(
            events,
            key=lambda e: e.get("lastTimestamp") or e.get("eventTime") or "",
            default=None,
        )
        return " ".join(last.get("message", "").split())[:600] if last else ""

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


def _before(item: Job | Pod, moment: datetime) -> bool:
    return item.created is not None and item.created < moment
