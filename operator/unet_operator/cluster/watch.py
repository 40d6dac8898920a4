"""List and watch of what carries our label, for ever.

kopf would list and watch without a selector and without paging: in a shared cluster it would
read every pod of everybody.  This reads ours, 500 at a time, follows bookmarks, and lists
anew when the API server has forgotten where we were (410).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from unet_operator.api.labels import SELECTOR
from unet_operator.cluster.client import ApiError, Cluster, Kind
from unet_operator.observe.objects import Body
from unet_operator.observe.store import Key, Store, version

log = logging.getLogger(__name__)

SHORTEST_WATCH, LONGEST_WATCH = 240, 300
"""Seconds after which the API server ends a watch; random, so that they do not all end at once."""
TOO_SHORT = 1.0
"""Seconds a watch must last: one that ends sooner is a fault, else it would be begun anew at once,
for ever."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before the next try after a fault: the first time, and at most."""


class Watch:
    """Keeps one kind in the store and reports whose training was touched."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        kind: Kind,
        namespace: str | None,
        touched: Callable[[Key], None],
    ) -> None:
        self._cluster, self._store, self._kind = cluster, store, kind
        self._namespace, self._touched = namespace, touched
        self._at = ""
        """The version to go on from; empty when a list is due."""
        self._delay = FIRST_DELAY
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Lists and watches until cancelled; faults are waited out."""
        while True:
            try:
                if not self._at:
                    self._at = await self._list()
                    self.synced.set()
                await self._follow()
            except ApiError as error:
                if error.status == 410:
                    self._at = ""
                log.warning(
                    "watch of %s: %s; again in %.1f s", self._kind.plural, error, self._delay
                )
                await asyncio.sleep(self._delay * random.uniform(0.8, 1.2))
                self._delay = min(LONGEST_DELAY, self._delay * 2)

    async def _list(self) -> str:
        uids: set[str] = set()
        at = "0"
        async for page, at in self._cluster.pages(  # noqa: B007 - the last version is wanted
            self._kind, self._namespace, labelSelector=SELECTOR
        ):
            for body in page:
                uids.add(body["metadata"]["uid"])
                self._take(self._store.put, body)
        for key in self._store.keep(self._kind.plural, uids, int(at)):
            self._touched(key)
        return at

    async def _follow(self) -> None:
        seconds = random.randint(SHORTEST_WATCH, LONGEST_WATCH)
        begun = time.monotonic()
        async for type_, body in self._cluster.watch(
            self._kind, self._namespace, self._at, seconds, labelSelector=SELECTOR
        ):
            if type_ == "DELETED":
                self._take(self._store.drop, body)
            elif type_ != "BOOKMARK":
                self._take(self._store.put, body)
            self._at = str(version(body))
            self._delay = FIRST_DELAY
        if time.monotonic() < begun + TOO_SHORT:
            raise ApiError(0, "ShortWatch", "the API server ended it at once")

    def _take(self, change: Callable[[str, Body], Key], body: Body) -> None:
        """Hands an object on; one that cannot be read must not keep the others from being."""
        try:
            self._touched(change(self._kind.plural, body))
        except Exception:
            name = body["metadata"].get("name")
            log.exception("%s %s cannot be read and is left out", self._kind.plural, name)
