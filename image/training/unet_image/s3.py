"""Fetches a folder or one archive from an S3-compatible store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import S3Error

from unet.system.errors import DataError, UsageError
from unet_image.download import CHUNK_BYTES, Transfer

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


def fetch_s3(
    uri: str,
    endpoint: str,
    environment: Mapping[str, str],
    folder: Path,
    packed: Path,
    transfer: Transfer,
) -> Path | None:
    """Downloads every object below the prefix `uri` into `folder`, or one archive to `packed`.

    Objects that are there in full are not fetched again.

    Returns:
        `packed` when the prefix names one archive, else None.

    Raises:
        DataError: nothing is there, or access is denied.
        ConnectionError: the network failed.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        store = client(endpoint, environment)
        if prefix.endswith(ARCHIVES):
            size = store.stat_object(bucket, prefix).size or 0
            transfer.begin(0, size)
            _fetch(store, bucket, prefix, packed, size, transfer)
            return packed
        below = prefix.rstrip("/") + "/"
        objects = [
            (item.object_name or "", item.size or 0)
            for item in store.list_objects(bucket, prefix=below, recursive=True)
            if not (item.object_name or "/").endswith("/")
        ]
        if not objects:
            raise DataError(uri, "no object below it", "check dataset.source.s3.uri")
        transfer.begin(0, sum(size for _, size in objects))
        for name, size in objects:
            _fetch(store, bucket, name, inside(folder, name.removeprefix(below)), size, transfer)
    except S3Error as error:
        raise DataError(uri, f"{error.code}: {error.message}", "check address and keys") from error
    except urllib3.exceptions.HTTPError as error:
        raise ConnectionError(str(error)) from error
    return None


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


def _fetch(store: Minio, bucket: str, name: str, path: Path, size: int, transfer: Transfer) -> None:
    if path.exists() and path.stat().st_size == size:
        transfer.add(size)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    answer = store.get_object(bucket, name)
    try:
        with partial.open("wb") as stream:
            for chunk in answer.stream(CHUNK_BYTES):
                stream.write(chunk)
                transfer.add(len(chunk))
    finally:
        answer.close()
        answer.release_conn()
    if partial.stat().st_size != size:
        raise ConnectionError(f"{name}: cut off after {partial.stat().st_size} of {size} bytes")
    partial.replace(path)
