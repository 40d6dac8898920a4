"""The folders that the project fills, and what each takes: for the preflight and for clean."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubelib.settings import cache_folder

from .needs import find

ROOT = Path(__file__).resolve().parents[2]
GB = 10**9


@dataclass(frozen=True)
class Place:
    """A folder that something fills.

    Args:
        name: what a person calls it.
        path: where it is.
        takes: bytes from nothing, measured with `du -s --block-size=1`.
        there: whether it has been filled.
    """

    name: str
    path: Path
    takes: int
    there: Callable[[], bool]

    @property
    def device(self) -> int:
        """The file system that it is on, or will be."""
        return existing(self.path).stat().st_dev


def mount_point(path: Path) -> Path:
    """Where the file system of a path is mounted."""
    found = existing(path.absolute())
    while found.parent != found and found.parent.stat().st_dev == found.stat().st_dev:
        found = found.parent
    return found


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def of_task(task: str) -> list[Place]:
    """What a task fills, in the order in which it does."""
    setup = [
        Place(".venv", ROOT / ".venv", 3_500_000_000, (ROOT / ".venv/.setup-done").exists),
        Place("pip's cache", pip_cache(), 1 * GB, (ROOT / ".venv/.setup-done").exists),
    ]
    cache = cache_folder()
    images = [
        Place(
            "image builds",
            cache / "buildah-training",
            3 * GB,
            lambda: _has(cache, "images/training-*.tar"),
        ),
        Place("wheels", cache / "wheelhouse", 1 * GB, lambda: _has(cache, "wheelhouse/*.whl")),
        Place(
            "image archives", cache / "images", 3 * GB, lambda: _has(cache, "images/training-*.tar")
        ),
    ]
    built = _has(cache, "bin/kubernetes-*")
    cluster = [
        Place("Go's modules", go_folder("GOMODCACHE"), 2_700_000_000, lambda: built),
        Place("Go's cache", go_folder("GOCACHE"), 6 * GB, lambda: built),
        Place("the cluster's programs", cache / "bin", 900_000_000, lambda: built),
    ]
    nodes = [
        Place(
            "three nodes with images",
            ROOT / ".cluster",
            9 * GB,
            lambda: _has(ROOT, ".cluster/images/loaded-training*"),
        )
    ]
    tasks = {"setup": setup, "lint": setup, "images": setup + images}
    return tasks.get(task, setup + images + cluster + nodes)


def go_folder(variable: str) -> Path:
    """Where Go keeps modules (GOMODCACHE) or what it compiled (GOCACHE)."""
    if find("go"):
        done = subprocess.run(["go", "env", variable], capture_output=True, text=True, check=False)
        if done.stdout.strip():
            return Path(done.stdout.strip())
    return Path.home() / {"GOMODCACHE": "go/pkg/mod", "GOCACHE": ".cache/go-build"}[variable]


def pip_cache() -> Path:
    """Where pip keeps what it downloaded."""
    chosen = os.environ.get("PIP_CACHE_DIR")
    return Path(chosen) if chosen else Path.home() / ".cache" / "pip"


def _has(folder: Path, pattern: str) -> bool:
    return next(folder.glob(pattern), None) is not None
