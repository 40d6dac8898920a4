"""Fetches a folder or one archive from an S3-compatible store."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError

from unet.system.errors import DataError, UsageError
from unet_image.download import CHUNK_BYTES, Body, Transfer, digest, fetch
from unet_image.network_fault import NetworkFault, on_the_network

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
AGAIN = (
    *("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling"),
    "PreconditionFailed",
)
"""S3's error codes that a later request may not get; the last is an object that changed after it
was listed, which the next listing finds."""
FETCHED = "fetched"
"""Folder beside the files that notes which objects are there in full."""


@dataclass(frozen=True)
class Object:
    """An object of the store: key, bytes, and the state that its ETag names."""

    name: str
    size: int
    etag: str


def fetch_s3(
    uri: str,
    endpoint: str,
    environment: Mapping[str, str],
    folder: Path,
    packed: Path,
    transfer: Transfer,
) -> Path | None:
    """Downloads every object below the prefix `uri` into `folder`, or one archive to `packed`.

    Objects that are there in full are not fetched again; one that was cut off goes on.

    Returns:
        `packed` when the prefix names one archive, else None.

    Raises:
        DataError: nothing is there, access is denied, or what came is not what the store has.
        NetworkFault: the network failed, several times.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    store = client(endpoint, environment)
    if prefix.endswith(ARCHIVES):
        with asking(uri):
            found = store.stat_object(bucket, prefix)
        one = Object(prefix, found.size or 0, found.etag or "")
        _fetch(store, bucket, one, packed, transfer)
        return packed
    below = prefix.rstrip("/") + "/"
    with asking(uri):
        objects = [
            Object(item.object_name or "", item.size or 0, item.etag or "")
            for item in store.list_objects(bucket, prefix=below, recursive=True)
            if not (item.object_name or "/").endswith("/")
        ]
    if not objects:
        raise DataError(uri, "no object below it", "check dataset.source.s3.uri")
    notes = packed.with_name(FETCHED)
    notes.mkdir(exist_ok=True)
    whole = Whole(transfer, sum(item.size for item in objects))
    for item in objects:
        place = inside(folder, item.name.removeprefix(below))
        note = notes / hashlib.sha256(f"{item.name} {item.etag}".encode()).hexdigest()[:24]
        if not (note.exists() and place.exists() and place.stat().st_size == item.size):
            place.parent.mkdir(parents=True, exist_ok=True)
            _fetch(store, bucket, item, place, whole)
            whole.end(item.size)
            note.touch()
        else:
            whole.skip(item.size)
    return None


class Whole(Transfer):
    """Counts one object after the other as parts of a whole of `size` bytes."""

    def __init__(self, transfer: Transfer, size: int) -> None:
        super().__init__(None, 0, transfer.clock, transfer.pause, transfer.keep)
        super().begin(0, size)
        self._size = size
        self._objects = 0

    def begin(self, done: int, total: int | None) -> None:
        """Notes where within an object reading begins; the whole stays what it is."""
        self.done = self._objects + done
        self.total = self._size

    def end(self, size: int) -> None:
        """Notes that an object is there."""
        self._objects += size
        self.done = self._objects

    def skip(self, count: int) -> None:
        """Notes an object that was there already."""
        super().skip(count)
        self._objects += count


@contextmanager
def asking(uri: str) -> Iterator[None]:
    """Around a request to the store.

    Raises:
        NetworkFault: it may be tried again.
        DataError: it may not.
    """
    try:
        with on_the_network():
            yield
    except (ServerError, InvalidResponseError) as error:
        raise NetworkFault(str(error)) from error
    except S3Error as error:
        if error.code in AGAIN or error.response.status >= 500:
            raise NetworkFault(f"{error.code}: {error.message}") from error
        raise DataError(uri, f"{error.code}: {error.message}", "check address and keys") from error


def client(endpoint: str, environment: Mapping[str, str]) -> Minio:
    """A client of the store; without keys in the environment, an anonymous one.

    Raises:
        UsageError: the endpoint is no address.
    """
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise UsageError("--endpoint", endpoint, "write https://HOST")
    return Minio(
        address.netloc,
        access_key=environment.get("AWS_ACCESS_KEY_ID"),
        secret_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        session_token=environment.get("AWS_SESSION_TOKEN"),
        region=environment.get("AWS_REGION"),
        secure=address.scheme == "https",
    )


def inside(folder: Path, name: str) -> Path:
    """The path of an object below `folder`.

    Raises:
        DataError: its name leads elsewhere.
    """
    if name.startswith("/") or ".." in Path(name).parts:
        raise DataError(name, "leads out of the folder", "rename the object")
    return folder / name


@dataclass(frozen=True)
class ObjectServer:
    """One object of a store."""

    store: Minio
    bucket: str
    item: Object

    @contextmanager
    def open(self, offset: int, version: str) -> Iterator[Body | None]:
        """As `download.Server` says."""
        item = self.item
        start = offset if version == item.etag and offset <= item.size else 0
        if start == item.size and start:
            yield None
            return
        name = f"s3://{self.bucket}/{item.name}"
        # The store refuses if the object has changed since it was listed.
        headers = {"If-Match": f'"{item.etag}"'} if item.etag else {}
        with asking(name):
            answer = self.store.get_object(
                self.bucket, item.name, offset=start, request_headers=dict(headers)
            )
        try:
            yield Body(start, item.size, item.etag, self._read(answer, name))
        finally:
            answer.close()
            answer.release_conn()

    @staticmethod
    def _read(answer: object, name: str) -> Iterator[bytes]:
        chunks = answer.stream(CHUNK_BYTES)  # type: ignore[attr-defined]  # urllib3's response
        while True:
            with asking(name):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk


def _fetch(store: Minio, bucket: str, item: Object, path: Path, transfer: Transfer) -> None:
    """One object, compared with its size and, where the ETag is an MD5, with that.

    The ETag of an object that the store encrypts by a key of its own looks like an MD5 and is
    none: what comes twice alike is taken.

    Raises:
        DataError: it came with another size, or differently each time.
    """
    server, seen = ObjectServer(store, bucket, item), ""
    for _ in range(3):
        fetch(server, path, transfer)
        found = digest(path, "md5") if _is_md5(item.etag) else item.etag
        if path.stat().st_size == item.size and found in (item.etag, seen):
            break
        seen = found
        path.unlink()
    else:
        wrong = "what comes differs from the store's own checksum, each time"
        raise DataError(f"s3://{bucket}/{item.name}", wrong, "upload it again")


def _is_md5(etag: str) -> bool:
    """Whether an ETag is the MD5 of the bytes: of an upload in one part, unencrypted.

    S3 says so of such uploads; an ETag of several parts ends in their number.
    """
    return re.fullmatch(r"[0-9a-f]{32}", etag) is not None
