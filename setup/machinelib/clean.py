"""`make clean`: says what each folder holds, asks, and removes what was made.

Only what this project makes is looked at.  Results (demo-output/) and Go's and pip's caches,
which other projects use as well, stay; the list says how to empty those.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from kubelib import teardown
from kubelib.settings import cache_folder

from . import places
from .text import Problem, megabytes

MADE = (
    *(".venv", ".cluster", "build", "dist"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"),
)
"""What is made in a checkout, besides `NAME.egg-info`."""

OF_THE_CACHE = (
    *("bin", "buildah-*", "debian", "horovod", "images", "rootfs-*", "sshd", "wheelhouse"),
    *("base.tar", "buildah", "seed"),
)
"""Patterns of what the project keeps there; the last three are earlier releases' names."""


def clean(
    *, caches: bool, root: Path = places.ROOT, environment: Mapping[str, str] = os.environ
) -> None:
    """Removes what was made in the checkout, with `caches` what other checkouts use, too.

    Raises:
        Problem: something still uses it, or nobody agreed.
    """
    folders = of_checkout(root) + (of_cache(cache_folder()) if caches else [])
    if not folders:
        print("nothing to remove")
        return
    sizes = {folder: disk_usage(folder) for folder in folders}
    print(describe(sizes, caches=caches), flush=True)
    for folder in folders:
        _require_unused(folder)
    running = [cluster.name for cluster in teardown.of_this_checkout()]
    if running and root == places.ROOT:
        raise Problem(f"cluster {', '.join(running)} runs; end it first: cluster/kube down --all")
    if not _agreed(environment):
        raise Problem("nothing was removed; agree at a terminal, or with UNET_CLEAN=yes")
    for folder in folders:
        remove(folder)
    print(f"freed {megabytes(sum(sizes.values()))}")


def of_checkout(root: Path) -> list[Path]:
    """What is made in a checkout and there now."""
    paths = [root / name for name in MADE] + sorted(root.glob("*.egg-info"))
    return [path for path in paths if path.is_symlink() or path.exists()]


def of_cache(cache: Path) -> list[Path]:
    """What the project keeps in its cache and nothing else that may lie there."""
    return [path for pattern in OF_THE_CACHE for path in sorted(cache.glob(pattern))]


def disk_usage(path: Path) -> int:
    """Bytes on disk; a link counts as itself."""
    done = subprocess.run(
        ["du", "-sP", "--block-size=1", str(path)], capture_output=True, text=True, check=False
    )
    return int(done.stdout.split()[0]) if done.stdout else 0


def describe(sizes: Mapping[Path, int], *, caches: bool) -> str:
    """What would be freed, the largest first, and what stays."""
    lines = ["This would be removed:"]
    for path, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        lines.append(f"  {megabytes(size):>8}  {path}")
    lines.append(f"  {megabytes(sum(sizes.values())):>8}  in all")
    lines.append("What stays:")
    if not caches:
        lines.append(f"  {cache_folder()}, shared by checkouts: `make distclean` removes that, too")
    lines.append("  demo-output/: your results")
    lines.append("  Go's caches: go clean -cache -modcache; pip's: python3 -m pip cache purge")
    return "\n".join(lines)


def remove(path: Path) -> None:
    """Removes a folder or a file; of a link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _require_unused(folder: Path) -> None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point = Path(line.split()[1])
        if folder == point or folder in point.parents:
            raise Problem(f"{point} is mounted; umount it first, nothing was removed")


def _agreed(environment: Mapping[str, str]) -> bool:
    if environment.get("UNET_CLEAN") == "yes":
        return True
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return False
    return input("Remove it? [y/N] ").strip().lower() in ("y", "yes")
