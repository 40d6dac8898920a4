"""`stage`: brings a data set into its claim, whole or not at all, once for all who want it."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unet.data.dataset_json import read_json
from unet.system.errors import DataError, PeerLostError, UsageError
from unet.system.os_error import while_writing
from unet_image import archive, msd
from unet_image.download import CHUNK_BYTES, Transfer
from unet_image.https import Archive, fetch_archive
from unet_image.network_fault import NetworkFault
from unet_image.turn import Turn, TurnLost

LOOK_SECONDS = 5.0
"""Between two looks at what another pod stages."""
SAY_SECONDS = 60.0
"""Between two lines about that."""
LOST = 3
"""Turns in a row that may be lost before the volume is called unfit."""


@dataclass(frozen=True)
class Source:
    """Where a data set comes from: an archive with its digest, or a folder in a store.

    Attributes:
        name: its address, as errors call it.
        archive: None for a store.
        endpoint: the store's address.
    """

    name: str
    archive: Archive | None = None
    endpoint: str = ""

    @property
    def key(self) -> str:
        """Names what an earlier try left, so that this one goes on with it."""
        digest = self.archive.digest if self.archive else self.endpoint
        return hashlib.sha256(f"{self.name} {digest}".encode()).hexdigest()[:12]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command line of staging."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--https", metavar="URL", help="an archive")
    source.add_argument("--s3", metavar="s3://BUCKET/PREFIX", help="a folder or one archive")
    source.add_argument("--msd", metavar="TASK", choices=msd.MD5, help=", ".join(msd.MD5))
    parser.add_argument("--sha256", help="digest of the archive behind --https")
    parser.add_argument("--endpoint", help="address of the S3 store")
    parser.add_argument("--mirror", default=msd.MIRROR, help="where TASK.tar of --msd lies")
    parser.add_argument("--target", type=Path, required=True, help="folder to make")


def run(
    args: argparse.Namespace,
    pause: Callable[[float], None] = time.sleep,
    make_turn: Callable[[Path], Turn] = Turn,
) -> int:
    """Returns 0 when the target is there; raises what is wrong otherwise."""
    target: Path = args.target
    source = source_of(args)
    shared = target.parent / f".stage-{target.name}"
    try:
        for _ in range(LOST):
            if found := _wait_for_turn(target, turn := make_turn(shared / "turn"), pause):
                print(f"event=staged path={target} found={found}", flush=True)
                return 0
            try:
                _stage(source, target, shared / source.key, turn, pause)
            except TurnLost:
                print("stage=wait cause=turn-lost", flush=True)
                continue
            finally:
                turn.give_back()
                _remove_if_empty(shared)
            print(f"event=staged path={target}", flush=True)
            return 0
    except NetworkFault as fault:
        remedy = "try again, what came is kept; see whether the cluster lets pods reach it"
        raise PeerLostError(source.name, str(fault), remedy) from fault
    except OSError as error:
        raise while_writing(error.filename or target, error) from error
    raise DataError(
        str(shared), "its files change under other names", "give a volume that several pods share"
    )


def source_of(args: argparse.Namespace) -> Source:
    """The source that the arguments name.

    Raises:
        UsageError: a part of it is missing.
    """
    if args.msd:
        url = f"{args.mirror.rstrip('/')}/{args.msd}.tar"
        return Source(url, Archive(url, "md5", msd.MD5[args.msd]))
    if args.https:
        if not args.sha256:
            raise UsageError("--sha256", "missing", "give the archive's SHA-256")
        return Source(args.https, Archive(args.https, "sha256", args.sha256))
    if not args.endpoint:
        raise UsageError("--endpoint", "missing", "give the address of the S3 store")
    return Source(args.s3, endpoint=args.endpoint)


def _wait_for_turn(target: Path, turn: Turn, pause: Callable[[float], None]) -> str:
    """Waits until the data set is there, or until it is ours to bring.

    Returns:
        How the target came to be there; empty when the turn is ours.
    """
    waited, said = False, 0.0
    while True:
        if (target / "dataset.json").exists():
            turn.give_back()
            return "another-training-staged-it" if waited else "already"
        if turn.take():
            # It may have come between the look and the taking.
            if not (target / "dataset.json").exists():
                return ""
            continue
        if not waited or time.monotonic() - said >= SAY_SECONDS:
            said = time.monotonic()
            print("stage=wait cause=another-training-stages-it", flush=True)
        waited = True
        pause(LOOK_SECONDS)


def _stage(
    source: Source, target: Path, work: Path, turn: Turn, pause: Callable[[float], None]
) -> None:
    """Fetches, unpacks, reads back and renames; what a broken download left is kept."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        folder = find_task(_fetch(source, work, Transfer(pause=pause, keep=turn.keep)), source.name)
        verify(folder, source.name, turn.keep)
        turn.require()
        _place(folder, target)
    except DataError:
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def _fetch(source: Source, work: Path, transfer: Transfer) -> Path:
    """Downloads and unpacks into `work`; the folder that holds the files."""
    files, packed = work / "files", work / "archive"
    if source.archive is not None:
        fetch_archive(source.archive, packed, transfer)
    else:
        from unet_image.s3 import fetch_s3

        if fetch_s3(source.name, source.endpoint, os.environ, files, packed, transfer) is None:
            return files
    # An unpacking that was cut short starts anew; the archive itself is kept.
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    archive.unpack(packed, files, source.name, transfer.keep)
    return files


def find_task(root: Path, name: str) -> Path:
    """The folder of the shallowest dataset.json below `root`.

    Raises:
        DataError: there is none.
    """
    found = [p for p in root.rglob("dataset.json") if not p.name.startswith("._")]
    if not found:
        raise DataError(name, "no dataset.json in it", "give a Medical Segmentation Decathlon task")
    return min(found, key=lambda path: (len(path.parts), path)).parent


def verify(folder: Path, name: str, keep: Callable[[], None] = lambda: None) -> None:
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
                    keep()


def _place(folder: Path, target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if target.exists():
        raise DataError(
            str(target), "exists without a dataset.json", "empty it or choose another dataset.task"
        )
    folder.rename(target)


def _remove_if_empty(folder: Path) -> None:
    """Removes the shared folder once nobody has anything in it."""
    try:
        folder.rmdir()
    except OSError:
        return
