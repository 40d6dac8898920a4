"""What a command of a fresh clone changes on the machine, and where its minutes go.

    python bench/stranger.py --json stranger.json -- make demo

Clones this checkout into an empty folder, runs the command there, and compares the machine
before and after: Debian packages, listening ports, processes that stay, services, set-id files,
and files by folder.  Disk is sampled every two seconds for its peak.  Every line of the command
is kept with its second, so that steps can be read off.  Answers of the command's own questions
are the caller's, for instance UNET_INSTALL=yes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_FILES = ("/proc", "/sys", "/dev", "/run")
STEP = re.compile(r"^== (?P<name>.*)$")
"""A line that opens a step of the demo."""


def lines(*command: str) -> set[str]:
    """The lines that a command prints; none where it is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return set()
    return set(done.stdout.splitlines())


def processes() -> set[str]:
    """Command lines of what runs, with its pid and start."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            started = (folder / "stat").read_text().rsplit(")", 1)[1].split()[19]
        except OSError:
            continue
        if words:
            found.add(f"{folder.name}/{started} {words.strip()[:100]}")
    return found


def ports() -> set[str]:
    """Addresses that somebody listens at."""
    return {line.split()[3] for line in lines("ss", "-Hltn") if len(line.split()) > 3}


def snapshot() -> dict[str, set[str]]:
    """The machine's packages, ports, processes, services and enabled units."""
    return {
        "packages": lines("dpkg-query", "-W", "-f", "${Package} ${Version}\n"),
        "ports": ports(),
        "processes": processes(),
        "services": {p.name for p in Path("/etc/init.d").glob("*")}
        | {str(p) for p in Path("/etc/systemd/system").rglob("*")},
    }


def changed_files(since: float, without: Path, top: Path = Path("/")) -> Iterator[tuple[Path, int]]:
    """Files changed since a moment (Unix seconds), outside of one folder, with their bytes."""
    device = top.stat().st_dev
    for folder, folders, names in os.walk(top):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if str(here / name) not in NOT_FILES
            and here / name != without
            and not (here / name).is_symlink()
            and (here / name).stat().st_dev == device
        ]
        for name in names:
            try:
                status = (here / name).lstat()
            except FileNotFoundError:
                continue
            if status.st_ctime >= since:
                yield here / name, status.st_blocks * 512


def by_folder(files: Iterator[tuple[Path, int]], depth: int = 3) -> dict[str, dict[str, int]]:
    """Files and bytes of each folder, named by its first parts."""
    count: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for path, used in files:
        key = str(Path(*path.parent.parts[: depth + 1]))
        count[key] += 1
        size[key] += used
    return {key: {"files": count[key], "bytes": size[key]} for key, _ in size.most_common()}


class Disk(threading.Thread):
    """Samples the bytes in use until it is told to end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.before = self.peak = shutil.disk_usage("/").used

    def run(self) -> None:
        """Look every two seconds."""
        while not self.ended.wait(2):
            self.peak = max(self.peak, shutil.disk_usage("/").used)


def run(command: list[str], folder: Path) -> tuple[int, list[tuple[float, str]]]:
    """The command's exit code and its lines, each with the second it came at."""
    began, found = time.monotonic(), []
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found.append((round(time.monotonic() - began, 1), line.rstrip()))
            print(f"{found[-1][0]:7.1f}  {line.rstrip()}", file=sys.stderr, flush=True)
    found.append((round(time.monotonic() - began, 1), "(ended)"))
    return process.returncode, found


def steps(printed: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Seconds of each step, from the lines that open them; what comes before is `before`."""
    found, name, since = {}, "before", 0.0
    for second, line in printed:
        if match := STEP.match(line):
            found[name] = round(second - since, 1)
            name, since = match["name"], second
    found[name] = round(printed[-1][0] - since, 1)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--json", type=Path, required=True, help="where the result goes")
    arguments.add_argument(
        "--clone", type=Path, help="keep the clone here (default: a passing one)"
    )
    arguments.add_argument("command", nargs="+")
    args = arguments.parse_args()
    clone = args.clone or Path(tempfile.mkdtemp()) / "unet-operator"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    before, began, disk = snapshot(), time.time(), Disk()
    disk.start()
    code, printed = run(args.command, clone)
    disk.ended.set()
    after = snapshot()
    result = {
        "command": args.command,
        "code": code,
        "seconds": printed[-1][0],
        "steps": steps(printed),
        "cpu_seconds": round(sum(os.times()[2:4]), 1),
        "disk_bytes": {
            "peak": disk.peak - disk.before,
            "left": shutil.disk_usage("/").used - disk.before,
        },
        "changed": {
            key: {
                "added": sorted(after[key] - before[key]),
                "gone": sorted(before[key] - after[key]),
            }
            for key in before
        },
        "files": by_folder(changed_files(began, clone)),
        "lines": printed,
    }
    args.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"exit code {code} after {result['seconds']} s; {args.json}")


if __name__ == "__main__":
    main()
