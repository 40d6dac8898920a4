"""Whose turn it is to stage into a folder that several pods share.

Several trainings may want one data set in one claim at once.  One of them stages it, the others
wait; where the one dies, another goes on with what came.  All they share is the volume, often
NFS, and their clocks differ: the turn is a file that only one can create, its holder keeps
changing it, and whoever sees it unchanged for long enough by its own clock takes it over.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

BEAT_SECONDS = 5.0
"""How often the holder changes the file."""
STALE_SECONDS = 60.0
"""Unchanged for so long, the holder is dead; network file systems cache for up to a minute, but
a file that is opened anew is read anew (close-to-open consistency)."""


class TurnLost(Exception):
    """Another pod took the turn over, since this one seemed dead."""


class Turn:
    """The turn at one file; taken, kept while it is used, and given back.

    Args:
        path: the file; its folder is made.
        stale: seconds without a change after which a holder counts as dead.
    """

    def __init__(
        self,
        path: Path,
        *,
        beat: float = BEAT_SECONDS,
        stale: float = STALE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._beat, self._stale, self._clock = beat, stale, clock
        self._name = uuid4().hex
        self._seen: tuple[str, float] | None = None
        self._stream: int | None = None
        self._stop = threading.Event()
        self._beating: threading.Thread | None = None
        self._checked = 0.0

    def take(self) -> bool:
        """Takes the turn if nobody has it or its holder is dead; call it again and again."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._create():
            return True
        found = self._read()
        if found is None:
            return self._create()
        now = self._clock()
        if self._seen is None or self._seen[0] != found:
            self._seen = (found, now)
        elif now - self._seen[1] >= self._stale:
            self._seen = None
            return self._remove_dead(found) and self._create()
        return False

    def keep(self) -> None:
        """Makes sure, every few seconds, that the turn is still ours.

        Raises:
            TurnLost: it is not; nothing more may be written.
        """
        now = self._clock()
        if now - self._checked < self._beat:
            return
        self._checked = now
        self.require()

    def require(self) -> None:
        """Makes sure that the turn is ours now.

        Raises:
            TurnLost: it is not.
        """
        found = self._read()
        if found is None or found.split()[0] != self._name:
            raise TurnLost

    def give_back(self) -> None:
        """Ends the turn; without effect where another has it."""
        if self._stream is None or self._beating is None:
            return
        self._stop.set()
        # A beat after the closing would write into whatever file has the number by then.
        self._beating.join()
        with contextlib.suppress(TurnLost, OSError):
            self.require()
            self._path.unlink()
        os.close(self._stream)
        self._stream = self._beating = None

    def _create(self) -> bool:
        try:
            stream = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        except FileNotFoundError:  # the last holder cleaned up at this moment
            return False
        self._stream = stream
        self._write(stream, 0)
        self._stop.clear()
        self._beating = threading.Thread(target=self._keep_alive, args=(stream,), daemon=True)
        self._beating.start()
        return True

    def _keep_alive(self, stream: int) -> None:
        count = 0
        while not self._stop.wait(self._beat):
            count += 1
            # A beat that fails is missed; `keep` finds out what that led to.
            with contextlib.suppress(OSError):
                self._write(stream, count)

    def _write(self, stream: int, count: int) -> None:
        """Writes in place, to the file that we made, whatever lies under its name by now."""
        os.pwrite(stream, f"{self._name} {count:09d}\n".encode(), 0)
        os.fsync(stream)

    def _read(self) -> str | None:
        """What the file holds; None where there is none."""
        try:
            return self._path.read_text() or "(new) 0"
        except FileNotFoundError:
            return None

    def _remove_dead(self, found: str) -> bool:
        """Takes the dead holder's file away; False where it turns out not to be that one."""
        aside = self._path.with_name(f"{self._path.name}.{self._name}")
        if self._read() != found:
            return False
        try:
            self._path.rename(aside)
        except FileNotFoundError:
            return False
        taken = aside.read_text() or "(new) 0"
        if taken.split()[0] != found.split()[0]:
            # Somebody was quicker and works already: back to its place.
            with contextlib.suppress(OSError):
                os.link(aside, self._path)
            aside.unlink()
            return False
        aside.unlink()
        return True
