"""`stage`: brings a data set into its claim, whole or not at all."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
from pathlib import Path

from unet.data.dataset_json import read_json
from unet.system.errors import DataError, DiskError, PeerLostError, UsageError
from unet_image import archive
from unet_image.download import CHUNK_BYTES, Source, Transfer, fetch_https


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line of staging."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--https", metavar="URL", help="an archive")
    source.add_argument("--s3", metavar="s3://BUCKET/PREFIX", help="a folder or one archive")
    parser.add_argument("--sha256", help="digest of the archive behind --https")
    parser.add_argument("--endpoint", help="address of the S3 store")
    parser.add_argument("--target", type=Path, required=True, help="folder to make")


def run(args: argparse.Namespace) -> int:
    """Returns 0 when the target is there; raises what is wrong otherwise."""
    target: Path = args.target
    if (target / "dataset.json").exists():
        print(f"event=staged path={target} found=already", flush=True)
        return 0
    source = _source(args)
    # Named by the source, so that the next try goes on where this one stopped.
    key = hashlib.sha256(f"{source.url} {source.sha256}".encode()).hexdigest()[:12]
    work = target.parent / f".stage-{target.name}-{key}"
    try:
        work.mkdir(parents=True, exist_ok=True)
        folder = find_task(_fetch(source, args.endpoint, work), source.url)
        verify(folder, source.url)
        _place(folder, target)
    except DataError:
        shutil.rmtree(work, ignore_errors=True)
        raise
    except ConnectionError as error:
        raise PeerLostError(source.url, str(error), "try again; what came is kept") from error
    except OSError as error:
        raise DiskError.from_os(error.filename or target, error) from error
    shutil.rmtree(work, ignore_errors=True)
    print(f"event=staged path={target}", flush=True)
    return 0


def find_task(root: Path, name: str) -> Path:
    """The folder of the shallowest dataset.json below `root`.

    Raises:
        DataError: there is none.
    """
    found = [p for p in root.rglob("dataset.json") if not p.name.startswith("._")]
    if not found:
        raise DataError(name, "no dataset.json in it", "give a Medical Segmentation Decathlon task")
    return min(found, key=lambda path: (len(path.parts), path)).parent


def verify(folder: Path, name: str) -> None:
    """Reads what came to its end and writes it through, before it counts as there.

    Raises:
        DataError: dataset.json cannot be read.
        OSError: a file cannot be read back.
    """
    try:
        read_json(folder / "dataset.json")
    except DataError as error:
        raise DataError(f"{name}: dataset.json", error.found, error.remedy) from None
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                while stream.read(CHUNK_BYTES):
                    pass


def _source(args: argparse.Namespace) -> Source:
    if args.https:
        args.endpoint = None
        if not args.sha256:
            raise UsageError("--sha256", "missing", "give the archive's SHA-256")
        return Source(args.https, args.sha256)
    if not args.endpoint:
        raise UsageError("--endpoint", "missing", "give the address of the S3 store")
    return Source(args.s3, None)


def _fetch(source: Source, endpoint: str | None, work: Path) -> Path:
    """Downloads and unpacks into `work`; the folder that holds the files."""
    files = work / "files"
    packed: Path | None
    if endpoint is None:
        packed = fetch_https(source, work / "archive", Transfer())
    else:
        from unet_image.s3 import fetch_s3

        packed = fetch_s3(source.url, endpoint, os.environ, files, work / "archive", Transfer())
    if packed is not None:
        # An unpacking that was cut short starts anew; the archive itself is kept.
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        archive.unpack(packed, files, source.url)
    return files


def _place(folder: Path, target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if target.exists():
        raise DataError(
            str(target), "exists without a dataset.json", "empty it or choose another dataset.task"
        )
    folder.rename(target)
