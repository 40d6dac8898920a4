"""A queue of keys: each waits once, each is worked on by one worker at a time.

A key that is added while it is being worked on comes back when that is done, so no news is
lost and none is handled twice.  Failures come back later and later; `later` sets the one
alarm of a key.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY, LONGEST_RETRY = 1.0, 300.0
"""Seconds before a failed key comes back: the first time, and at most."""


class WorkQueue(Generic[K]):
    """The keys that want work.  To be used from one event loop."""

    def __init__(self) -> None:
        self._ready: deque[K] = deque()
        """In the order in which they came."""
        self._waiting: set[K] = set()
        """The same, to look one up."""
        self._working: set[K] = set()
        self._again: set[K] = set()
        """Added while they were worked on."""
        self._alarms: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._filled = asyncio.Event()
        """Set when a key is ready."""
        self.handled = 0
        """Keys worked on so far: a liveness probe sees that it grows."""

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: K) -> None:
        """Asks for work on the key."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._filled.set()

    def later(self, key: K, seconds: float | None) -> None:
        """Sets or, with None, clears the key's alarm."""
        old = self._alarms.pop(key, None)
        if old is not None:
            old.cancel()
        if seconds is not None:
            self._alarms[key] = asyncio.get_running_loop().call_later(seconds, self._ring, key)

    async def take(self) -> K:
        """Waits for a key and takes it; `done` must follow."""
        while not self._ready:
            self._filled.clear()
            await self._filled.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: K, *, failed: bool = False) -> float:
        """Ends work on the key; a failed one comes back by itself.

        Returns:
            Seconds until then, 0 if it did not fail.
        """
        self._working.discard(key)
        self.handled += 1
        delay = 0.0
        if failed:
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
            delay = min(LONGEST_RETRY, FIRST_RETRY * 2**count) * random.uniform(0.8, 1.2)
            self.later(key, delay)
        else:
            self._failures.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        return delay

    def close(self) -> None:
        """Clears every alarm."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()

    def _ring(self, key: K) -> None:
        self._alarms.pop(key, None)
        self.add(key)
