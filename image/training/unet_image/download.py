"""Downloads one file, going on where an earlier try stopped, and checks its digest."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unet.system.errors import DataError
from unet.system.logfmt import format_line

CHUNK_BYTES = 1 << 20
REPORT_SECONDS = 15.0
TRIES = 5
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Source:
    """Where a data set comes from; `sha256` belongs to the archive behind a URL."""

    url: str
    sha256: str | None


@dataclass
class Transfer:
    """Counts bytes and says so now and then: `stage=download done=120/7000 eta=3m` (MB)."""

    total: int | None = None
    done: int = 0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _start: float = field(init=False)
    _said: float = field(init=False)
    _before: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._start = self._said = self.clock()

    def begin(self, done: int, total: int | None) -> None:
        """Notes what an earlier try left and how much there is."""
        self.done = self._before = done
        self.total = total

    def add(self, count: int) -> None:
        """Notes `count` more bytes."""
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
            minutes, seconds = divmod(round((self.total - self.done) / rate), 60)
            eta = f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
        return format_line(
            {"stage": "download", "done": f"{self.done / 1e6:.0f}/{total}", "eta": eta}
        )


def fetch_https(source: Source, path: Path, transfer: Transfer) -> Path:
    """Downloads `source` to `path`.

    Raises:
        DataError: the server has no such file, or its digest is another.
        ConnectionError: the network failed, several times.
    """
    for attempt in range(TRIES):
        try:
            _continue(source.url, path, transfer)
            break
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing is left to fetch
                break
            if error.code < 500 and error.code not in (408, 429):
                raise DataError(
                    source.url, f"the server says {error.code} {error.reason}", "check the address"
                ) from error
            last: Exception = error
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            last = error
        if attempt == TRIES - 1:
            raise ConnectionError(f"{last} ({TRIES} times)") from last
        transfer.pause(2.0**attempt)
    found = digest(path)
    if found != source.sha256:
        raise DataError(
            source.url, f"sha256 {found}", f"expected {source.sha256}; correct the address or it"
        )
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _continue(url: str, path: Path, transfer: Transfer) -> None:
    have = path.stat().st_size if path.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status != 206:
            have = 0  # the server sends all of it again
        length = answer.headers.get("Content-Length")
        transfer.begin(have, have + int(length) if length else None)
        with path.open("ab" if have else "wb") as stream:
            while chunk := answer.read(CHUNK_BYTES):
                stream.write(chunk)
                transfer.add(len(chunk))
    if transfer.total is not None and transfer.done < transfer.total:
        raise ConnectionError(f"cut off after {transfer.done} of {transfer.total} bytes")
