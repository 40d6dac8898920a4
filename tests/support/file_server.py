"""Servers on loopback that hand out a file as web and S3 servers do, and break on demand."""

from __future__ import annotations

import hashlib
import http.server
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit


class FileServer:
    """Serves `files` (path → bytes) with ranges, ETags, If-Range and If-Match.

    `faults` is a list of what to do to the next answers, first to last, each a name of FAULTS
    or None; `asked` holds (path, Range header) of every request.  Below /BUCKET it answers as an
    S3 store does: `?list-type=2` lists, HEAD tells size and ETag.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.faults: list[str | None] = []
        self.asked: list[tuple[str, str | None]] = []
        self.slow: Callable[[], None] = lambda: None
        self.answer_etag = True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                _answer(self, outer, head=True)

            def do_GET(self) -> None:
                _answer(self, outer, head=False)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def etag(self, path: str) -> str:
        """The ETag of a file: its MD5, as S3 gives it to an upload in one part."""
        return hashlib.md5(self.files[path], usedforsecurity=False).hexdigest()


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """A server that runs until the block ends."""
    server = FileServer(files)
    threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()


def _answer(handler: http.server.BaseHTTPRequestHandler, outer: FileServer, head: bool) -> None:
    parts = urlsplit(handler.path)
    path, query = unquote(parts.path), parse_qs(parts.query)
    if "location" in query:
        _send(handler, 200, b"<LocationConstraint/>")
        return
    if "list-type" in query:
        _send(handler, 200, _listing(outer, path.strip("/"), query.get("prefix", [""])[0]))
        return
    if not head:
        outer.asked.append((path, handler.headers.get("Range")))
    fault = outer.faults.pop(0) if outer.faults and not head else None
    if fault and fault.isdecimal():
        _send(handler, int(fault), b"", {"Retry-After": "7"})
        return
    if path not in outer.files:
        code = "NoSuchKey"
        _send(handler, 404, f"<Error><Code>{code}</Code><Message>gone</Message></Error>".encode())
        return
    _send_file(handler, outer, path, fault, head)


def _send_file(
    handler: http.server.BaseHTTPRequestHandler,
    outer: FileServer,
    path: str,
    fault: str | None,
    head: bool,
) -> None:
    content, etag = outer.files[path], outer.etag(path)
    start, wanted = 0, handler.headers.get("Range")
    if_range = handler.headers.get("If-Range")
    if_match = handler.headers.get("If-Match")
    if if_match and if_match.strip('"') != etag:
        _send(handler, 412, b"<Error><Code>PreconditionFailed</Code><Message/></Error>")
        return
    if wanted and (if_range is None or if_range.strip('"') == etag) and fault != "no-ranges":
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        if start >= len(content):
            _send(handler, 416, b"")
            return
    body = content[start:]
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Last-Modified", "Tue, 01 Dec 2026 00:00:00 GMT")
    if outer.answer_etag:
        handler.send_header("ETag", f'"{etag}"')
    handler.end_headers()
    if head:
        return
    if fault in ("cut", "reset"):
        body = body[: len(body) // 2]
    for begin in range(0, len(body), 1 << 16):
        handler.wfile.write(body[begin : begin + (1 << 16)])
        outer.slow()
    if fault == "reset":
        # Without lingering, closing sends a reset instead of an end.
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    if fault in ("cut", "reset"):
        handler.close_connection = True
        handler.wfile.flush()


def _listing(outer: FileServer, bucket: str, prefix: str) -> bytes:
    entries = "".join(
        f"<Contents><Key>{path.removeprefix(f'/{bucket}/')}</Key><Size>{len(content)}</Size>"
        f'<ETag>"{outer.etag(path)}"</ETag><LastModified>2026-12-01T00:00:00.000Z</LastModified>'
        "</Contents>"
        for path, content in sorted(outer.files.items())
        if path.startswith(f"/{bucket}/{prefix}")
    )
    return (
        "<ListBucketResult><IsTruncated>false</IsTruncated>"
        f"<Name>{bucket}</Name>{entries}</ListBucketResult>"
    ).encode()


def _send(
    handler: http.server.BaseHTTPRequestHandler,
    code: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(code)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Type", "application/xml")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
