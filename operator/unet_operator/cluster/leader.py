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

from unet_operator.cluster.client import LEASES, ApiError, Cluster
from unet_operator.observe.objects import Body

log = logging.getLogger(__name__)

NAME = "unet-operator"
DURATION, DEADLINE, PERIOD = 15.0, 10.0, 2.0
"""Seconds a Lease holds, may go unrenewed before its holder stops, and between tries: the
values of client-go's leader election, which kube-controller-manager uses too."""


class Leader:
    """Holds the Lease for this replica."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        identity: str,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._identity, self._now, self._clock = identity, now, clock
        self._seen: tuple[str, float] | None = None
        self.leading = False

    async def acquire(self) -> None:
        """Returns once this replica leads."""
        while not await self.attempt():
            await asyncio.sleep(PERIOD)
        self.leading = True
        log.info("this replica leads", extra={"identity": self._identity})

    async def hold(self) -> None:
        """Renews the Lease until it is lost; then returns, and the caller must stop acting."""
        renewed = self._clock()
        while self.leading and self._clock() < renewed + DEADLINE:
            await asyncio.sleep(PERIOD)
            if await self.attempt(renewed + DEADLINE - self._clock()):
                renewed = self._clock()
        self.leading = False

    async def attempt(self, patience: float = DEADLINE) -> bool:
        """Takes or renews the Lease; False when another replica has it or none answers."""
        try:
            # A request that hangs must not outlast the Lease.
            async with asyncio.timeout(patience):
                return await self._take()
        except TimeoutError:
            log.warning("lease: no answer within %.0f s", patience)
        except ApiError as error:
            if error.status != 409:
                log.warning("lease: %s", error)
        return False

    async def _take(self) -> bool:
        found = await self._cluster.get(LEASES, self._namespace, NAME)
        if found is None:
            await self._cluster.create(LEASES, self._namespace, self._manifest(None))
        elif self._free(found):
            await self._cluster.replace(LEASES, self._namespace, self._manifest(found))
        else:
            self.leading = False
            return False
        return True

    async def release(self) -> None:
        """Gives the Lease up, so that the next replica need not wait for it to expire."""
        self.leading = False
        try:
            found = await self._cluster.get(LEASES, self._namespace, NAME)
            if found is not None and found["spec"].get("holderIdentity") == self._identity:
                body = {**found, "spec": {**found["spec"], "holderIdentity": ""}}
                await self._cluster.replace(LEASES, self._namespace, body)
        except ApiError as error:
            log.warning("lease not released: %s", error)

    def _free(self, lease: Body) -> bool:
        """Ours, nobody's, or unchanged for its whole duration by our own clock.

        No clock is trusted that can be set: what counts is how long ago we saw it renew.
        """
        spec = lease["spec"]
        if spec.get("holderIdentity") in ("", None, self._identity):
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, self._clock())
            return False
        return self._clock() > self._seen[1] + spec.get("leaseDurationSeconds", DURATION)

    def _manifest(self, old: Body | None) -> Body:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(old["spec"]) if old else {}
        if spec.get("holderIdentity") != self._identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = spec.get("leaseTransitions", 0) + bool(old)
        spec |= {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION),
            "renewTime": now,
        }
        metadata: dict[str, object] = {"name": NAME, "namespace": self._namespace}
        if old is not None:
            metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }
