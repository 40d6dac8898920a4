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
from typing import Generic, Protocol, TypeVar

from unet_operator.api.json_object import JsonObject, metadata_of, resource_version, text
from unet_operator.api.labels import SELECTOR
from unet_operator.cluster.client import Cluster
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import Kind

log = logging.getLogger(__name__)

SHORTEST_WATCH, LONGEST_WATCH = 240, 300
"""Seconds after which the API server ends a watch; random, so that they do not all end at once."""
TOO_SHORT = 1.0
"""Seconds a watch must last: one that ends sooner is a fault, else it would be begun anew at once,
for ever."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before the next try after a fault: the first time, and at most."""

Key = TypeVar("Key")


class Mirror(Protocol[Key]):
    """What keeps a copy of the objects that a watch sees.

    Each change returns the key of whom the object belongs to.
    """

    def put(self, plural: str, body: JsonObject) -> Key:
        """Takes an object in, unless a newer one is there."""

    def drop(self, plural: str, body: JsonObject) -> Key:
        """Forgets an object that was deleted."""

    def keep(self, plural: str, uids: set[str], since: str) -> set[Key]:
        """After a list read at resourceVersion `since`, forgets what it did not hold."""


class Watch(Generic[Key]):
    """Keeps one kind in the mirror and reports whose objects changed."""

    def __init__(
        self,
        cluster: Cluster,
        mirror: Mirror[Key],
        kind: Kind,
        namespace: str | None,
        changed: Callable[[Key], None],
    ) -> None:
        self._cluster, self._mirror, self._kind = cluster, mirror, kind
        self._namespace, self._changed = namespace, changed
        self._version = ""
        """The resourceVersion to go on from; empty when a list is due."""
        self._delay = FIRST_DELAY
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """Lists and watches until cancelled; faults are waited out."""
        while True:
            try:
                if not self._version:
                    self._version = await self._list()
                    self.synced.set()
                await self._follow()
            except ApiError as error:
                if error.status == 410:
                    self._version = ""
                log.warning(
                    "watch of %s: %s; again in %.1f s", self._kind.plural, error, self._delay
                )
                await asyncio.sleep(self._delay * random.uniform(0.8, 1.2))
                self._delay = min(LONGEST_DELAY, self._delay * 2)

    async def _list(self) -> str:
        """Reads all there is; returns the resourceVersion to watch from."""
        uids: set[str] = set()
        version = "0"
        pages = self._cluster.pages(self._kind, self._namespace, labelSelector=SELECTOR)
        async for page in pages:
            version = page.version
            for body in page.objects:
                uids.add(text(metadata_of(body), "uid"))
                self._apply(self._mirror.put, body)
        for key in self._mirror.keep(self._kind.plural, uids, version):
            self._changed(key)
        return version

    async def _follow(self) -> None:
        seconds = random.randint(SHORTEST_WATCH, LONGEST_WATCH)
        begun = time.monotonic()
        events = self._cluster.watch(
            self._kind, self._namespace, self._version, seconds, labelSelector=SELECTOR
        )
        async for event in events:
            if event.type == "DELETED":
                self._apply(self._mirror.drop, event.object)
            elif event.type != "BOOKMARK":
                self._apply(self._mirror.put, event.object)
            self._version = resource_version(event.object)
            self._delay = FIRST_DELAY
        if time.monotonic() < begun + TOO_SHORT:
            raise ApiError(0, "ShortWatch", "the API server ended it at once")

    def _apply(self, change: Callable[[str, JsonObject], Key], body: JsonObject) -> None:
        """Hands an object on; one that cannot be read must not keep the others from being."""
        try:
            self._changed(change(self._kind.plural, body))
        except Exception:
            name = metadata_of(body).get("name")
            log.exception("%s %s cannot be read and is left out", self._kind.plural, name)
