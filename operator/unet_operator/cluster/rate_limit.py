"""How many requests the API server is sent: a rate of our own, and what it asks for by 429."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_HOLD = 30.0
"""Most seconds that a Retry-After is obeyed: a Lease must still be renewed."""


class TokenBucket:
    """Lets `burst` requests through at once, and `qps` a second in the long run."""

    def __init__(self, qps: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.qps, self.burst, self.clock = qps, burst, clock
        self._tokens, self._filled_at = float(burst), clock()
        self._held_until = self._filled_at

    def delay(self) -> float:
        """Takes a token; returns the seconds to wait before using it."""
        now = self.clock()
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.qps)
        self._filled_at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self.qps, self._held_until - now)

    def hold(self, seconds: float) -> None:
        """Lets nothing through for so long: the API server asked for it."""
        self._held_until = max(self._held_until, self.clock() + min(seconds, LONGEST_HOLD))


def retry_after(header: str) -> float:
    """Seconds that a Retry-After header asks for; 1 where it is absent or a date."""
    return float(header) if header.isdecimal() else 1.0
