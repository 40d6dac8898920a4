"""Limits of control groups, both versions, read from a tree like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet.system import cgroup

GIB = 1 << 30


class Machine:
    """A procfs and the control groups it points at."""

    def __init__(self, root: Path) -> None:
        self.proc, self.groups = root / "proc", root / "cgroup"
        self.write("proc/meminfo", "MemTotal: 25165824 kB\nMemAvailable: 20971520 kB\n")

    def write(self, name: str, text: str) -> None:
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def version2(self, path: str, root: str = "/") -> None:
        self.write("proc/self/cgroup", f"0::{path}\n")
        self.write(
            "proc/self/mountinfo",
            f"24 1 0:2 / /proc rw - proc proc rw\n30 24 0:26 {root} {self.groups} rw shared:4 "
            "- cgroup2 cgroup2 rw,nsdelegate\n",
        )

    def version1(self, path: str, root: str = "/") -> None:
        self.write("proc/self/cgroup", f"5:cpu,cpuacct:{path}\n4:memory:{path}\n0::/\n")
        mounts = "".join(
            f"3{i} 24 0:3{i} {root} {self.groups}/{name} ro - cgroup cgroup rw,{name}\n"
            for i, name in enumerate(("memory", "cpu,cpuacct"))
        )
        self.write("proc/self/mountinfo", mounts)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_without_groups_the_machine_is_the_limit(machine):
    assert cgroup.memory_limit_bytes(machine.proc) == 24 * GIB
    assert cgroup.memory_available_bytes(machine.proc) == 20 * GIB
    assert cgroup.oom_kills(machine.proc) == 0
    assert cgroup.cpu_quota_cores(machine.proc) is None


def test_version_2_smallest_limit_on_the_way_up_holds(machine):
    machine.version2("/pod/container")
    machine.write("cgroup/pod/memory.max", f"{2 * GIB}\n")
    machine.write("cgroup/pod/memory.current", f"{GIB}\n")
    machine.write("cgroup/pod/memory.stat", f"anon 1\ninactive_file {GIB // 2}\n")
    machine.write("cgroup/pod/container/memory.max", "max\n")
    machine.write("cgroup/pod/container/memory.current", f"{GIB}\n")
    assert cgroup.memory_limit_bytes(machine.proc) == 2 * GIB
    assert cgroup.memory_available_bytes(machine.proc) == 2 * GIB - GIB + GIB // 2


def test_version_2_counts_kills_and_reads_the_quota(machine):
    machine.version2("/pod/container")
    machine.write("cgroup/pod/cpu.max", "150000 100000\n")
    machine.write("cgroup/pod/container/cpu.max", "max 100000\n")
    machine.write("cgroup/pod/container/memory.events", "low 0\noom 3\noom_kill 2\n")
    assert cgroup.cpu_quota_cores(machine.proc) == 1.5
    assert cgroup.oom_kills(machine.proc) == 2


def test_version_1_without_a_namespace_shows_a_part_of_the_tree(machine):
    """A container's mount starts at its own group, while its path counts from the top."""
    machine.version1("/kubepods/pod1/c1", root="/kubepods/pod1/c1")
    machine.write("cgroup/memory/memory.limit_in_bytes", f"{3 * GIB}\n")
    machine.write("cgroup/memory/memory.usage_in_bytes", f"{GIB}\n")
    machine.write("cgroup/memory/memory.oom_control", "oom_kill_disable 0\noom_kill 7\n")
    machine.write("cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n")
    machine.write("cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    assert cgroup.memory_limit_bytes(machine.proc) == 3 * GIB
    assert cgroup.memory_available_bytes(machine.proc) == 2 * GIB
    assert cgroup.oom_kills(machine.proc) == 7
    assert cgroup.cpu_quota_cores(machine.proc) == 0.5


def test_version_1_limit_above_the_mount_is_seen(machine):
    machine.version1("/c1", root="/c1")
    machine.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    machine.write("cgroup/memory/memory.stat", f"cache 1\nhierarchical_memory_limit {GIB}\n")
    assert cgroup.memory_limit_bytes(machine.proc) == GIB


def test_version_1_no_quota(machine):
    machine.version1("/c1")
    machine.write("cgroup/cpu,cpuacct/c1/cpu.cfs_quota_us", "-1\n")
    machine.write("cgroup/cpu,cpuacct/c1/cpu.cfs_period_us", "100000\n")
    assert cgroup.cpu_quota_cores(machine.proc) is None


def test_full_group_has_nothing_available(machine):
    machine.version2("/")
    machine.write("cgroup/memory.max", f"{GIB}\n")
    machine.write("cgroup/memory.current", f"{2 * GIB}\n")
    assert cgroup.memory_available_bytes(machine.proc) == 0


def test_this_machine_can_be_read():
    assert 0 < cgroup.memory_available_bytes() <= cgroup.memory_limit_bytes()
