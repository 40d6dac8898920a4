"""Copies the data set into its claim and the results out of theirs, through the pod `files`."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

from .commands import Failed, kubectl
from .output import replace
from .settings import NAME, NAMESPACE, OUTPUT, TARGET

SAY_SECONDS = 10.0
"""How often a copy says how far it is."""


def fill_claim(data: str | None) -> None:
    """Puts the task's folder into the claim, unless the same one is there already."""
    there = kubectl("exec", "files", "--", "cat", f"{TARGET}/dataset.json", check=False)
    if data is None:
        if "phantom" not in there:
            kubectl("exec", "files", "--", "rm", "-rf", TARGET)
            kubectl("exec", "files", "--", "python", "-m", "unet", "phantom", "--output", TARGET)
        return
    source = Path(data).resolve()
    if there != (source / "dataset.json").read_text():
        copy_in(source)


def copy_in(source: Path) -> None:
    """Copies a folder to TARGET, which appears when it is whole; says how far it is."""
    total = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
    unpack = (
        f"rm -rf /data/.new && mkdir /data/.new && tar -C /data/.new -xf - && rm -rf {TARGET} "
        f"&& mv /data/.new {TARGET}"
    )
    words = ["kubectl", "-n", NAMESPACE, "exec", "-i", "files", "--", "sh", "-c", unpack]
    archive = subprocess.Popen(["tar", "-C", str(source), "-cf", "-", "."], stdout=subprocess.PIPE)
    target = subprocess.Popen(words, stdin=subprocess.PIPE)
    assert archive.stdout is not None, "opened as a pipe"
    assert target.stdin is not None, "opened as a pipe"
    _pump(archive.stdout, target.stdin, total)
    archive.stdout.close()
    target.stdin.close()
    if target.wait() or archive.wait():
        raise Failed(f"DATA={source}: could not be copied into the claim msd")


def _pump(source: IO[bytes], target: IO[bytes], total: int) -> None:
    """Hands on all of a stream, `total` bytes, until its end or until nobody reads."""
    done, said = 0, time.monotonic()
    while chunk := source.read(1 << 20):
        try:
            target.write(chunk)
        except BrokenPipeError:
            return
        done += len(chunk)
        if time.monotonic() - said > SAY_SECONDS:
            print(f"   {done / 1e9:.1f} of {total / 1e9:.1f} GB", flush=True)
            said = time.monotonic()


def fetch_results() -> None:
    """Copies report, predictions and one overlay out of the claim; all of them or none."""
    uid = kubectl("get", "unettraining", NAME, "-o", "jsonpath={.metadata.uid}")
    folder = f"/output/{NAME}-{uid[:8]}/evaluation-1"
    replace(OUTPUT, lambda new: _unpack(folder, new))


def _unpack(folder: str, target: Path) -> None:
    pack = ["kubectl", "-n", NAMESPACE, "exec", "files", "--", "tar", "-C", folder, "-cf", "-", "."]
    archive = subprocess.Popen(pack, stdout=subprocess.PIPE)
    unpack = ["tar", "-C", str(target), "--no-same-owner", "-xf", "-"]
    unpacked = subprocess.run(unpack, stdin=archive.stdout, check=False)
    if archive.wait() or unpacked.returncode:
        raise Failed(f"claim results: {folder} could not be read")
    pictures = sorted(target.glob("overlays/*.png"))
    if pictures:
        shutil.copy(pictures[0], target / "overlay.png")
