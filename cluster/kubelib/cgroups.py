"""Control groups, version 1 and 2: where every process of the cluster lives.

Membership is what `down` trusts: a process cannot leave its group by forking, by losing
its parent or by having its pid file deleted, so ending all members ends the cluster.

The tree is ``NAME/control-plane``, ``NAME/supervisors`` and ``NAME/node-I``; in version 1
it exists in each hierarchy of the machine, in version 2 once.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import files
from .report import KubeError
from .settings import OWNERS

CONTROL_PLANE = "control-plane"
SUPERVISORS = "supervisors"
ROOT_RECORD = OWNERS / ".root-controllers"
NEEDED = ("cpu", "cpuset", "memory", "pids")
_CONTROLS = re.compile(r"[a-z0-9_]+|name=.+")
_OPTIONS = {"rw", "ro", "none", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"}
"""Of a version 1 mount; what else is among its words are controllers."""


@dataclass(frozen=True)
class Mount:
    """One mounted hierarchy.

    Args:
        point: where.
        version: 1 or 2.
        controllers: what it controls; in version 1 also its name, as ``name=systemd``.
        whole: whether its root is seen, and it can be written.
    """

    point: Path
    version: int
    controllers: frozenset[str]
    whole: bool


def hierarchies() -> tuple[Path, ...]:
    """Returns the mount points to use: one in version 2, one per controller set in version 1."""
    return tuple(mount.point for mount in _mounts())


def version() -> int:
    """1 or 2; 0 when no control groups are mounted."""
    return _mounts()[0].version if _mounts() else 0


def available_controllers() -> set[str]:
    """Returns the controllers that the hierarchies to use offer."""
    return {name for mount in _mounts() for name in mount.controllers if "=" not in name}


@cache
def _mounts() -> tuple[Mount, ...]:
    return choose(find(Path("/proc/self/mountinfo").read_text()))


def find(mountinfo: str) -> list[Mount]:
    """Reads the mounts of control groups from the text of /proc/PID/mountinfo."""
    found: list[Mount] = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, escaped, options = before.split()[3:6]
        kind, _, *rest = after.split()
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), escaped))
        whole = root == "/" and "rw" in options.split(",")
        if kind == "cgroup2":
            offered = (point / "cgroup.controllers").read_text().split()
            found.append(Mount(point, 2, frozenset(offered), whole))
        elif kind == "cgroup":
            words = {word for word in "".join(rest).split(",") if _CONTROLS.fullmatch(word)}
            found.append(Mount(point, 1, frozenset(words - _OPTIONS), whole))
    return found


def choose(mounts: list[Mount]) -> tuple[Mount, ...]:
    """The mounts that a cluster uses: those of the version that has what its nodes need.

    A machine may mount both: a hybrid one has its controllers in version 1 and an empty tree
    of version 2; on one of version 2 some program may have mounted a controller, or a name
    without any, in version 1.  Of a hierarchy that is mounted twice, the whole one is taken.
    """
    ranked = sorted(mounts, key=lambda mount: (not mount.whole, len(mount.point.parts)))
    first: dict[tuple[int, frozenset[str]], Mount] = {}
    for mount in ranked:
        first.setdefault((mount.version, mount.controllers), mount)
    version2 = tuple(mount for mount in ranked if mount.version == 2)[:1]
    version1 = tuple(
        mount
        for mount in first.values()
        if mount.version == 1 and (mount.whole or mount.controllers & set(NEEDED))
    )

    def lacks(candidates: tuple[Mount, ...]) -> int:
        return len(set(NEEDED).difference(*(mount.controllers for mount in candidates)))

    return version2 if version2 and lacks(version2) <= lacks(version1) else version1


def create(group: str) -> None:
    """Makes `group` (``NAME/part``) in every hierarchy."""
    for root in hierarchies():
        try:
            (root / group).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KubeError(
                str(root), f"cannot make a control group: {error.strerror}", "run as real root"
            ) from None
        if version() == 2:
            _delegate(root, group)
        elif (root / "cpuset.cpus").exists():
            _inherit_cpuset(root, group)


def weigh(group: str, processes: int) -> None:
    """Gives `group` as large a share of scarce processors as so many processes have.

    By default all of a cluster together gets what one busy process gets.
    """
    for root in hierarchies():
        for name, of_one in (("cpu.shares", 1024), ("cpu.weight", 100)):
            if (root / group / name).exists():
                (root / group / name).write_text(str(of_one * processes))


def _delegate(root: Path, group: str) -> None:
    """Hands down to `group` the controllers that its parents have."""
    folder = root
    for part in Path(group).parts:
        offered = set((folder / "cgroup.controllers").read_text().split())
        enabled = set((folder / "cgroup.subtree_control").read_text().split())
        # The root is the machine's: systemd enables there what its units use, and only
        # what nodes need beyond that is added, and noted to be taken back.
        wanted = (offered if folder != root else offered & {*NEEDED, "io"}) - enabled
        if folder == root and wanted:
            noted = ROOT_RECORD.read_text().split() if ROOT_RECORD.exists() else []
            files.write_atomic(ROOT_RECORD, " ".join({*noted, *wanted}))
        try:
            if wanted:
                (folder / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in wanted))
        except OSError as error:
            raise KubeError(
                str(folder / "cgroup.subtree_control"),
                f"cannot hand down {', '.join(sorted(wanted))}: {error.strerror}",
                "on a machine use its own root group; in a container, move its processes to a "
                "child group first",
            ) from None
        folder = folder / part


def take_back() -> None:
    """Undoes what `create` enabled at the root of version 2; what others use by now stays."""
    if ROOT_RECORD.exists():
        for controller in ROOT_RECORD.read_text().split():
            with contextlib.suppress(OSError):
                (hierarchies()[0] / "cgroup.subtree_control").write_text(f"-{controller}")
        ROOT_RECORD.unlink()


def _inherit_cpuset(root: Path, group: str) -> None:
    """An empty cpuset admits no process; version 1 leaves new groups empty."""
    folder = root
    for part in Path(group).parts:
        parent, folder = folder, folder / part
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not (folder / name).read_text().strip():
                (folder / name).write_text((parent / name).read_text())


def joiner(group: str) -> Callable[[], None]:
    """Returns a function for `preexec_fn` that moves the new process into `group`."""
    files = [root / group / "cgroup.procs" for root in hierarchies()]

    def join() -> None:
        for file in files:
            file.write_text("0")

    return join


def move(pid: int, group: str) -> None:
    """Moves one process into `group`."""
    for root in hierarchies():
        (root / group / "cgroup.procs").write_text(str(pid))


def is_within(pid: int, name: str) -> bool:
    """Whether a process is in a group below the one of this name."""
    try:
        return f"/{name}/" in Path(f"/proc/{pid}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def members(group: str) -> set[int]:
    """Returns the pids in `group` and below it, over all hierarchies."""
    found: set[int] = set()
    for root in hierarchies():
        for file in _existing(root / group, "cgroup.procs"):
            with contextlib.suppress(OSError):  # the group went away meanwhile
                found.update(int(line) for line in file.read_text().split())
    return found - {0, os.getpid()}


def end(group: str, patience: float = 20.0) -> None:
    """Kills every process in `group`, however deep, and removes the group.

    Raises:
        KubeError: something is still there after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while alive := members(group):
        _kill(group, alive)
        if time.monotonic() > deadline:
            raise KubeError(
                f"control group {group}", f"processes {sorted(alive)} do not end", "see dmesg"
            )
        time.sleep(0.05)
    while left := _remove_empty(group):
        if time.monotonic() > deadline:
            raise KubeError(str(left[0]), "cannot be removed", "see what still uses it")
        time.sleep(0.05)


def _kill(group: str, pids: set[int]) -> None:
    """Kills those of `pids` that are members: looked up again once each is held by a handle.

    Between the two a member may have ended and its pid be another process'.
    """
    handles: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handles[pid] = os.pidfd_open(pid)
    still = members(group)
    for pid, handle in handles.items():
        with contextlib.suppress(ProcessLookupError):
            if pid in still:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)


def _remove_empty(group: str) -> list[Path]:
    """Removes the group's folders, deepest first; returns those that are still busy."""
    left: list[Path] = []
    for root in hierarchies():
        top = root / group
        if not top.exists():
            continue
        folders = [Path(folder) for folder, _, _ in os.walk(top)]
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                left.append(folder)
    return left


def _existing(top: Path, name: str) -> list[Path]:
    return [Path(folder) / name for folder, _, _ in os.walk(top)] if top.exists() else []
