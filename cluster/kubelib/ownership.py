"""Which checkout runs the cluster of which name on this machine, agreed under one lock.

A claim is a file in `OWNERS`, named as the cluster, that holds the path of the claimant's state
folder.  It is written before anything is made and removed after everything has ended.  It holds
as long as the cluster has processes or a command of the claimant is at work, which holds the
``lock`` of its state folder: what a crash left behind can be claimed anew.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import cgroups, files
from .report import KubeError
from .settings import NAME, OWNERS, Cluster


@contextmanager
def alone(cluster: Cluster) -> Iterator[None]:
    """One changing command at a time for this cluster of this checkout."""
    cluster.state.mkdir(parents=True, exist_ok=True)
    with _lock_file(cluster.state).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another cluster/kube of this checkout", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def machine() -> Iterator[None]:
    """The lock of the machine, for a moment: nobody claims or gives up a cluster meanwhile.

    It is a lock on the folder `OWNERS` itself, which is removed when it is empty.
    """
    while True:
        OWNERS.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            OWNERS.mkdir()
        try:
            folder = os.open(OWNERS, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # the last of them has just ended
            continue
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not _is_still(folder):
                continue
            try:
                yield
            finally:
                with suppress(OSError):
                    OWNERS.rmdir()
            return
        finally:
            os.close(folder)


def _is_still(folder: int) -> bool:
    """Whether `OWNERS` is the open folder and not one made after that was removed."""
    try:
        return os.path.samestat(OWNERS.stat(), os.fstat(folder))
    except FileNotFoundError:
        return False


def claim(cluster: Cluster) -> None:
    """Makes this checkout the owner; called under the lock of the `machine`.

    Raises:
        KubeError: another checkout owns it.
    """
    require(cluster)
    files.write_atomic(owner_file(cluster), str(cluster.state))


def require(cluster: Cluster) -> None:
    """Raises if another checkout owns the cluster of this name."""
    claimant = owner(cluster.name)
    if claimant and claimant != cluster.state and _holds(cluster.name, claimant):
        raise KubeError(
            f"cluster {cluster.name}",
            f"runs from {claimant}",
            "end it there with `down`, or choose another --name and --port",
        )


def require_port(cluster: Cluster) -> None:
    """Raises if a cluster of another name has claimed this cluster's port."""
    for name in names():
        claimant = owner(name)
        if name == cluster.name or claimant is None:
            continue
        try:
            port = int((claimant / "run" / "port").read_text())
        except (OSError, ValueError):
            continue
        if port == cluster.port and _holds(name, claimant):
            found = f"is the port of cluster {name}, which runs from {claimant}"
            raise KubeError(f"127.0.0.1:{port}", found, "give another --port")


def names() -> list[str]:
    """The names of the clusters that are claimed on this machine."""
    if not OWNERS.is_dir():
        return []
    return sorted(path.name for path in OWNERS.iterdir() if NAME.fullmatch(path.name))


def owner_file(cluster: Cluster) -> Path:
    """Names the state folder of the running cluster of this name."""
    return OWNERS / cluster.name


def owner(name: str) -> Path | None:
    """The state folder of the claimant; None where there is no claim that can be read."""
    try:
        text = (OWNERS / name).read_text()
    except (OSError, ValueError):
        return None
    return Path(text) if text.startswith("/") else None


def _holds(name: str, state: Path) -> bool:
    """Whether a claim counts: the checkout exists, and uses it."""
    return state.exists() and (bool(cgroups.members(name)) or _at_work(state))


def _at_work(state: Path) -> bool:
    try:
        with _lock_file(state).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock_file(state: Path) -> Path:
    return state / "lock"
