"""The folder of the results: made here, known by a marker, and nobody else's is ever touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from .commands import Failed

MARKER = ".made-by-make-demo"
KEPT = (MARKER, "first-look")
NEW = ".new"


def require_ours(folder: Path) -> None:
    """Raises unless the folder is absent, empty, or was made by an earlier demo.

    Raises:
        Failed: it is somebody's.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Failed(f"{folder}: is no folder; move it away, or choose another with DEMO_OUTPUT")
    if not folder.exists() or (folder / MARKER).is_file() or not any(folder.iterdir()):
        return
    raise Failed(
        f"{folder}: was not made by this demo, and its files would be replaced; move it away, "
        "or choose another with DEMO_OUTPUT"
    )


def claim(folder: Path) -> None:
    """Makes the folder, and marks it as the demo's.

    Raises:
        Failed: it is somebody's.
    """
    require_ours(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("`make demo` replaces what is in this folder.\n")


def replace(folder: Path, fill: Callable[[Path], None]) -> None:
    """Gives the folder new contents once `fill` has written all of them; else the old stay."""
    claim(folder)
    new = folder / NEW
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        fill(new)
        for old in folder.iterdir():
            if old.name not in (*KEPT, NEW):
                _remove(old)
        for path in new.iterdir():
            path.rename(folder / path.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
