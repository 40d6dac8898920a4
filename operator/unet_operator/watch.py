"""List and watch of what carries our label, for ever.

kopf would list and watch without a selector and without paging: in a shared cluster it would
read every pod of everybody.  This reads ours, 500 at a time, follows bookmarks, and lists
anew when the API server has forgotten where we were (410).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from unet_operator import names
from unet_operator.cluster import ApiError, Cluster, Kind
from unet_operator.store import Key, Store, version

log = logging.getLogger(__name__)

SHORTEST_WATCH, LONGEST_WATCH = 240, 300
"""Seconds after which the API server ends a watch; random, so that they do not all end at once."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0


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
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Lists and watches until cancelled; faults are waited out."""
        delay = FIRST_DELAY
        at: str | None = None
        while True:
            try:
                at = at or await self._list()
                self.synced.set()
                at = await self._follow(at)
                delay = FIRST_DELAY
            except ApiError as error:
                if error.status == 410:
                    at = None
                    continue
                log.warning("watch of %s: %s; again in %.1f s", self._kind.plural, error, delay)
                await asyncio.sleep(delay * random.uniform(0.8, 1.2))
                delay = min(LONGEST_DELAY, delay * 2)
                at = None

    async def _list(self) -> str:
        uids: set[str] = set()
        at = "0"
        async for page, at in self._cluster.pages(  # noqa: B007 - the last version is wanted
            self._kind, self._namespace, labelSelector=names.SELECTOR
        ):
            for body in page:
                uids.add(body["metadata"]["uid"])
                self._touched(self._store.put(self._kind.plural, body))
        for key in self._store.keep(self._kind.plural, uids, int(at)):
            self._touched(key)
        return at

    async def _follow(self, at: str) -> str:
        seconds = random.randint(SHORTEST_WATCH, LONGEST_WATCH)
        async for type_, body in self._cluster.watch(
            self._kind, self._namespace, at, seconds, labelSelector=names.SELECTOR
        ):
            at = str(version(body))
            if type_ == "DELETED":
                self._touched(self._store.drop(self._kind.plural, body))
            elif type_ != "BOOKMARK":
                self._touched(self._store.put(self._kind.plural, body))
        return at
