"""Leader election by a Lease: of several replicas one acts, the others keep their stores warm.

Attempt-numbered names and status writes guarded by resourceVersion make a second leader
harmless; the Lease makes it rare.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime

from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import LEASES
from unet_operator.cluster.lease import NAME, Lease, held_lease, parse_lease, released_lease

log = logging.getLogger(__name__)

DURATION, DEADLINE, PERIOD = 15.0, 10.0, 2.0
"""Seconds a Lease holds, may go unrenewed before its holder stops, and between tries: the
values of client-go's leader election, which kube-controller-manager uses too.  Another
duration keeps their proportions."""


class Leader:
    """Holds the Lease for this replica."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        identity: str,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        duration: float = DURATION,
    ) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._identity, self._now, self._clock = identity, now, clock
        self._duration = duration
        self._deadline, self._period = (n * duration / DURATION for n in (DEADLINE, PERIOD))
        self._version_seen, self._seen_at = "", 0.0
        """resourceVersion of another's Lease, and when it was first seen by our own clock."""
        self.leading = False

    async def acquire(self) -> None:
        """Returns once this replica leads."""
        while not await self.attempt():
            await asyncio.sleep(self._period)
        self.leading = True
        log.info("this replica leads", extra={"identity": self._identity})

    async def hold(self) -> None:
        """Renews the Lease until it is lost; then returns, and the caller must stop acting."""
        renewed = self._clock()
        while self.leading and self._clock() < renewed + self._deadline:
            await asyncio.sleep(self._period)
            if await self.attempt(renewed + self._deadline - self._clock()):
                renewed = self._clock()
        self.leading = False

    async def attempt(self, timeout: float | None = None) -> bool:
        """Takes or renews the Lease; False when another replica has it or none answers.

        Args:
            timeout: seconds that it may take; the Lease's deadline unless told otherwise.
        """
        timeout = self._deadline if timeout is None else timeout
        try:
            # A request that hangs must not outlast the Lease.
            async with asyncio.timeout(timeout):
                return await self._take_or_renew()
        except TimeoutError:
            log.warning("lease: no answer within %.0f s", timeout)
        except ApiError as error:
            if error.status != 409:
                log.warning("lease: %s", error)
        return False

    async def release(self) -> None:
        """Gives the Lease up, so that the next replica need not wait for it to expire."""
        self.leading = False
        try:
            lease = await self._read()
            if lease is not None and lease.holder == self._identity:
                await self._cluster.replace(LEASES, self._namespace, released_lease(lease))
        except ApiError as error:
            log.warning("lease not released: %s", error)

    async def _read(self) -> Lease | None:
        body = await self._cluster.get(LEASES, self._namespace, NAME)
        return None if body is None else parse_lease(body)

    async def _take_or_renew(self) -> bool:
        lease = await self._read()
        if lease is not None and not self._may_have(lease):
            self.leading = False
            return False
        ours = held_lease(self._namespace, self._identity, self._duration, self._now(), lease)
        if lease is None:
            await self._cluster.create(LEASES, self._namespace, ours)
        else:
            await self._cluster.replace(LEASES, self._namespace, ours)
        return True

    def _may_have(self, lease: Lease) -> bool:
        """Ours, nobody's, or unchanged for its whole duration by our own clock.

        No clock is trusted that can be set: what counts is how long ago we saw it renew.
        """
        if lease.holder in ("", self._identity):
            return True
        if self._version_seen != lease.version:
            self._version_seen, self._seen_at = lease.version, self._clock()
            return False
        return self._clock() > self._seen_at + (lease.duration or self._duration)
