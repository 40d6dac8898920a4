"""What this process may use, by its control groups: memory, processor time, and kills.

A container's limit is not the machine's: `/proc/meminfo` and `os.cpu_count` show the
host.  Both versions of control groups are read, at every level from the process's own
group up to the root that is mounted, because the smallest limit on the way holds.

Every function takes `proc`, the folder where procfs is mounted, for tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Group:
    """The control group of this process under one controller.

    Attributes:
        folder: the group's own folder.
        mount_point: of the hierarchy; groups above it cannot be seen.
        unified: whether it is a version 2 hierarchy, which the kernel calls unified.
    """

    folder: Path
    mount_point: Path
    unified: bool

    def levels(self) -> Iterator[Path]:
        """The group's folder and those above it, up to the mount point."""
        folder = self.folder
        while True:
            yield folder
            if folder == self.mount_point or folder == folder.parent:
                return
            folder = folder.parent


def memory_limit_bytes(proc: Path = PROC) -> int:
    """The most memory this process may ever use, in bytes: never more than the machine's."""
    return min([_read_meminfo(proc, "MemTotal"), *_memory_limits(control_group(proc, "memory"))])


def memory_available_bytes(proc: Path = PROC) -> int:
    """Memory that can still be taken now, in bytes, with the page cache counted as free."""
    group = control_group(proc, "memory")
    free = [_read_meminfo(proc, "MemAvailable")]
    if group is not None:
        limit_name, used_name, cache_name = (
            ("memory.max", "memory.current", "inactive_file")
            if group.unified
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        for level in group.levels():
            limit, used = _read_number(level / limit_name), _read_number(level / used_name)
            if limit is not None and used is not None:
                free.append(limit - used + _read_table(level / "memory.stat").get(cache_name, 0))
    return max(0, min(free))


def oom_kills(proc: Path = PROC) -> int:
    """Processes of this group killed for lack of memory since it exists; 0 if nobody counts.

    Compare two readings: one before a child is started and one after it was killed.
    """
    group = control_group(proc, "memory")
    if group is None:
        return 0
    name = "memory.events" if group.unified else "memory.oom_control"
    return _read_table(group.folder / name).get("oom_kill", 0)


def cpu_quota_cores(proc: Path = PROC) -> float | None:
    """Cores that the quota allows on average, such as 1.5; None without a quota."""
    group = control_group(proc, "cpu")
    if group is None:
        return None
    quotas = []
    for level in group.levels():
        if group.unified:
            quota, _, period = _read_text(level / "cpu.max").partition(" ")
        else:
            quota = _read_text(level / "cpu.cfs_quota_us")
            period = _read_text(level / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():  # "max" and "-1" mean none
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _memory_limits(group: Group | None) -> Iterator[int]:
    if group is None:
        return
    for level in group.levels():
        limit = _read_number(level / ("memory.max" if group.unified else "memory.limit_in_bytes"))
        if limit is not None:
            yield limit
    # Version 1 also tells of limits above the mount point, which a container cannot see.
    inherited = _read_table(group.folder / "memory.stat").get("hierarchical_memory_limit")
    if inherited is not None:
        yield inherited


def control_group(proc: Path, controller: str) -> Group | None:
    """The group of this process under `controller`, in whichever hierarchy holds it.

    Args:
        proc: where procfs is mounted.
        controller: "memory" or "cpu".

    Returns:
        None if no hierarchy that is mounted holds the controller.
    """
    version_2_path = None
    for line in _read_text(proc / "self" / "cgroup").splitlines():
        number, names, path = line.split(":", 2)
        if controller in names.split(","):
            return _mounted_group(proc, controller, path)
        if number == "0":
            version_2_path = path
    return None if version_2_path is None else _mounted_group(proc, None, version_2_path)


def _mounted_group(proc: Path, controller: str | None, path: str) -> Group | None:
    """The group `path` as the file system shows it; without a controller, of version 2."""
    for line in _read_text(proc / "self" / "mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, point = before.split(" ")[3:5]
        if controller is None:
            if kind != "cgroup2":
                continue
        elif kind != "cgroup" or controller not in options.split(" ")[-1].split(","):
            continue
        mount_point = Path(point.replace("\\040", " "))
        # Without a cgroup namespace a container's mount shows only the subtree `root`,
        # while `path` is counted from the machine's root.
        inside = path if root == "/" else path.removeprefix(root)
        folder = mount_point / inside.lstrip("/")
        if not folder.is_dir():
            folder = mount_point
        return Group(folder, mount_point, unified=controller is None)
    return None


def _read_meminfo(proc: Path, name: str) -> int:
    for line in _read_text(proc / "meminfo").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise OSError(f"{proc / 'meminfo'}: no {name}")


def _read_table(path: Path) -> dict[str, int]:
    """A file of lines `name number`, as memory.stat is."""
    rows = (line.split() for line in _read_text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _read_number(path: Path) -> int | None:
    text = _read_text(path).strip()
    return int(text) if text.isdigit() else None


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
