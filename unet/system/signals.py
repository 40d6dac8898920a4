"""What SIGTERM and SIGINT do to a training."""

from __future__ import annotations

import signal

from unet.system.errors import Terminated


class Stop:
    """Ends at once what the next life repeats anyway; once training has begun, sets a flag.

    A step is a conversation of all ranks, so none may leave it alone: they agree on the flag
    at the next step, or between two validation cases, save, and end together.

    Attributes:
        asked: whether one of the signals has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._deferred = False
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)
        }

    def defer(self) -> None:
        """From now on a signal only sets the flag."""
        self._deferred = True

    def close(self) -> None:
        """Gives both signals back to who had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
        if not self._deferred:
            raise Terminated(
                signal.Signals(number).name,
                "stopped before the first step",
                "continue with the same command; what is prepared is kept",
            )
