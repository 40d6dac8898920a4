"""An archive behind a URL, and the digest that it must have."""

from __future__ import annotations

import email.utils
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unet.system.errors import DataError
from unet_image.download import CHUNK_BYTES, Body, Transfer, digest, fetch
from unet_image.network_fault import NetworkFault, on_the_network

TIMEOUT_SECONDS = 60.0
AGAIN = (408, 425, 429)
"""Answers below 500 that a later request may not get."""


@dataclass(frozen=True)
class Archive:
    """Where an archive lies.

    Attributes:
        url: its address.
        algorithm: of the digest, as hashlib names it.
        digest: what it must be, in hexadecimal.
    """

    url: str
    algorithm: str
    digest: str


def fetch_archive(source: Archive, path: Path, transfer: Transfer) -> None:
    """Downloads an archive and compares its digest.

    A download that was pieced together and has another digest is fetched once more from its
    beginning, before the address or the digest is called wrong.

    Raises:
        DataError: the server has no such file, or its digest is another.
        NetworkFault: the network failed, several times.
    """
    pieced = path.exists()
    fetch(HttpServer(source.url), path, transfer)
    found = digest(path, source.algorithm)
    if found != source.digest and pieced:
        path.unlink()
        fetch(HttpServer(source.url), path, transfer)
        found = digest(path, source.algorithm)
    if found != source.digest:
        path.unlink()
        wrong = f"{source.algorithm} {found}"
        raise DataError(
            source.url, wrong, f"expected {source.digest}; correct the address or the digest"
        )


@dataclass(frozen=True)
class HttpServer:
    """One URL."""

    url: str

    @contextmanager
    def open(self, offset: int, version: str) -> Iterator[Body | None]:
        """As `download.Server` says."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and version:
            headers["If-Range"] = version
        request = urllib.request.Request(self.url, headers=headers)
        try:
            with on_the_network():
                answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        except NetworkFault as fault:
            if not isinstance(fault.__cause__, urllib.error.HTTPError):
                raise
            self._judge(fault.__cause__)
            yield None
            return
        with answer:
            start = offset if answer.status == 206 else 0
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length and length.isdecimal() else None
            # A weak ETag may not be compared with If-Range (RFC 9110, 13.1.5).
            etag = answer.headers.get("ETag") or ""
            yield Body(start, total, "" if etag.startswith("W/") else etag, _read(answer))

    def _judge(self, error: urllib.error.HTTPError) -> None:
        """Returns when nothing is left to fetch."""
        if error.code == 416:
            return
        if error.code >= 500 or error.code in AGAIN:
            wait = retry_after(error.headers.get("Retry-After") if error.headers else None)
            raise NetworkFault(f"the server says {error.code} {error.reason}", wait) from error
        raise DataError(
            self.url, f"the server says {error.code} {error.reason}", "check the address"
        ) from error


def retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None without one."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _read(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        with on_the_network():
            chunk = answer.read(CHUNK_BYTES)
        if not chunk:
            return
        yield chunk
