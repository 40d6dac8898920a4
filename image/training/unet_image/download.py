"""Downloads one file, going on where an earlier try stopped, whoever serves it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from unet.system.logfmt import format_line
from unet_image.network_fault import NetworkFault

CHUNK_BYTES = 1 << 20
REPORT_SECONDS = 15.0
TRIES = 6
"""Requests in a row that bring nothing before the network is given up."""
LONGEST_WAIT = 60.0
"""Seconds between two requests, at most."""


@dataclass
class Transfer:
    """Counts bytes and says so now and then: `stage=download done=120/7000 eta=3m` (MB).

    Args:
        keep: called with every chunk; raises when the download is not ours any more.
    """

    total: int | None = None
    done: int = 0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    keep: Callable[[], None] = lambda: None
    _start: float = field(init=False)
    _said: float = field(init=False)
    _before: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._start = self._said = self.clock()

    def begin(self, done: int, total: int | None) -> None:
        """Notes what an earlier try left and how much there is."""
        self.done = self._before = done
        self.total = total

    def skip(self, count: int) -> None:
        """Notes bytes that were there already."""
        self.done += count
        self._before += count

    def add(self, count: int) -> None:
        """Notes `count` more bytes."""
        self.keep()
        self.done += count
        now = self.clock()
        if now - self._said >= REPORT_SECONDS:
            self._said = now
            print(self.line(now), flush=True)

    def line(self, now: float) -> str:
        """The progress line at the time `now`."""
        total = "?" if self.total is None else f"{self.total / 1e6:.0f}"
        rate = (self.done - self._before) / max(now - self._start, 1e-9)
        eta = None
        if self.total is not None and rate > 0:
            minutes, seconds = divmod(round(max(self.total - self.done, 0) / rate), 60)
            eta = f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
        return format_line(
            {"stage": "download", "done": f"{self.done / 1e6:.0f}/{total}", "eta": eta}
        )


@dataclass(frozen=True)
class Body:
    """An answer that is being read.

    Attributes:
        offset: the byte of the file that it begins with; 0 where a server cannot go on.
        total: the whole file's bytes, if the server says.
        version: what names this state of the file (an ETag), if the server says.
        chunks: the bytes; reading them raises NetworkFault.
    """

    offset: int
    total: int | None
    version: str
    chunks: Iterator[bytes]


class Server(Protocol):
    """Something that has the file."""

    def open(self, offset: int, version: str) -> AbstractContextManager[Body | None]:
        """The file from a byte on, if it is still that version; else the whole of it.

        Returns:
            None where nothing is left to read.

        Raises:
            NetworkFault: the request may be tried again.
            DataError: it may not: there is no such file, or no right to it.
        """


def fetch(server: Server, path: Path, transfer: Transfer) -> None:
    """Downloads to `path`; what an earlier try left of the same version is kept.

    Raises:
        NetworkFault: the network brought nothing, several times in a row.
        DataError: as the server says.
        OSError: `path` cannot be written.
    """
    version_file = path.with_name(f"{path.name}.version")
    failed = 0
    while True:
        before = _size(path)
        try:
            if _go_on(server, path, version_file, transfer):
                break
        except NetworkFault as fault:
            failed = 1 if _size(path) > before else failed + 1
            if failed >= TRIES:
                raise NetworkFault(f"{fault} ({TRIES} times)") from fault
            transfer.pause(min(LONGEST_WAIT, fault.wait or 2.0 ** (failed - 1)))
    version_file.unlink(missing_ok=True)


def _go_on(server: Server, path: Path, version_file: Path, transfer: Transfer) -> bool:
    """One request; whether the file is whole."""
    have = _size(path)
    known = version_file.read_text() if have and version_file.exists() else ""
    with server.open(have, known) as body:
        if body is None:
            return True
        if body.version != known or not body.offset:
            version_file.write_text(body.version)
        transfer.begin(body.offset, body.total)
        with path.open("r+b" if body.offset else "wb") as stream:
            stream.seek(body.offset)
            stream.truncate()
            for chunk in body.chunks:
                stream.write(chunk)
                transfer.add(len(chunk))
        if body.total is not None and transfer.done < body.total:
            raise NetworkFault(f"cut off after {transfer.done} of {body.total} bytes")
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def digest(path: Path, algorithm: str) -> str:
    """A file's digest in hexadecimal; `algorithm` as hashlib names it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
