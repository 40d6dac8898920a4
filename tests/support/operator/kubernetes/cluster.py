"""A cluster in memory: API server, controllers, a hand for its nodes, other actors, one clock.

Nothing happens by itself.  The test does something, then lets the cluster `settle`: the
controllers act until there is nothing left for them to do at that moment.
"""

from __future__ import annotations

from datetime import UTC, datetime

from support.operator.kubernetes.clock import Clock
from support.operator.kubernetes.garbage import collect
from support.operator.kubernetes.hand import Hand
from support.operator.kubernetes.job_controller import JobController
from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.others import Others
from support.operator.kubernetes.store import Store

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class SimulatedCluster:
    """See the module."""

    def __init__(self, now: datetime = NOON) -> None:
        self.clock = Clock(now)
        self.store = Store(self.clock)
        self.hand = Hand(self.store, self.clock)
        self.others = Others(self.store, self.clock)
        self.jobs = JobController(self.store, self.clock, self._warn)
        self._rested: object = None
        """All that the controllers go by, as it was when they last had nothing to do."""

    def settle(self) -> None:
        """Lets the controllers act until they have nothing left to do."""
        for _ in range(50):
            before = self.store.version
            hand = (self.hand.linger, self.hand.seen_ended)
            now = (before, self.clock.now, hand, tuple(self.store.refusals))
            if now == self._rested:
                return
            collect(self.store)
            self.hand.see_off()
            self.jobs.sync_all()
            if self.store.version == before:
                self._rested = now
        raise AssertionError("the controllers never come to rest")

    def advance(self, seconds: float) -> None:
        """Lets time pass, then settles."""
        self.clock.advance(seconds)
        self.settle()

    def _warn(self, about: Object, message: str) -> None:
        """Records, once a moment, that a controller could not do its work."""
        meta = about["metadata"]
        name = f"{meta['name']}.{int(self.clock.now.timestamp()):x}"
        if self.store.find("events", meta["namespace"], name) is not None:
            return
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": message,
            "involvedObject": {"kind": about["kind"], "name": meta["name"], "uid": meta["uid"]},
            "lastTimestamp": self.clock.stamp(),
        }
        self.store.create("events", meta["namespace"], event)
