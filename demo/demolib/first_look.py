"""A picture while Kubernetes compiles: a phantom, trained and scored on this machine alone.

It waits for nothing but the Python environment and takes one core; the compilers beside it run
at a lower priority.  It is left out where memory or cores are few, and with FIRST_LOOK=no.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .lanes import Lane
from .output import claim
from .settings import OUTPUT, ROOT

WORK = ROOT / "build" / "first-look"
PICTURE = OUTPUT / "first-look" / "overlay.png"
MEMORY = 6 << 30
"""Bytes that must be free: Go's linker takes 3 GB meanwhile, the training 1.5."""
UNET = (str(ROOT / ".venv/bin/python"), "-m", "unet")
TRAIN = (
    *("--channels", "FLAIR", "--region", "whole-tumour", "--threads", "1"),
    *("--epochs", "4", "--steps-per-epoch", "20"),
)
"""So many steps, not so much time: beside compilers a minute may be a few steps."""


def wanted() -> bool:
    """Whether this machine has room for it, and the user does not mind."""
    if os.environ.get("FIRST_LOOK") == "no":
        return False
    return len(os.sched_getaffinity(0)) >= 2 and _available() >= MEMORY


def lane(after: tuple[str, int]) -> Lane:
    """Its commands, as a chain beside those of the demo."""
    shutil.rmtree(WORK, ignore_errors=True)
    data, run, scores = (str(WORK / name) for name in ("phantom", "run", "scores"))
    return Lane(
        "first look",
        (
            (*UNET, "phantom", "--output", data, "--cases", "12"),
            (*UNET, "train", "--data_path", data, "--output", run, *TRAIN),
            (*UNET, "evaluate", "--data_path", data, "--saved_model", run, "--output", scores),
        ),
        after=after,
        needed=False,
        environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
        then=keep,
    )


def keep() -> None:
    """Puts picture and page where the user finds them, and says so."""
    claim(OUTPUT)
    new = PICTURE.parent.with_name(".first-look")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    scores = WORK / "scores"
    shutil.copy(sorted(scores.glob("overlays/*.png"))[0], new / PICTURE.name)
    shutil.copy(scores / "report.html", new)
    shutil.rmtree(PICTURE.parent, ignore_errors=True)
    new.rename(PICTURE.parent)
    shutil.rmtree(WORK, ignore_errors=True)
    print(f"\n   A first look, trained on this machine meanwhile: {PICTURE}\n", flush=True)


def _available() -> int:
    """Bytes that programs can have, file caches included."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return 0
