"""Control groups of either version, on made-up trees and mounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from kubelib import cgroups, host, report, settings

V1 = """\
30 24 0:26 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
32 24 0:28 / /sys/fs/cgroup/cpuset rw,nosuid - cgroup cgroup rw,cpuset,clone_children
33 24 0:29 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
34 24 0:30 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids,release_agent=/lib/agent
"""
OTHER = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw shared:1 - proc proc rw\n"


def tree(tmp_path: Path, offered: str) -> str:
    """The line of mountinfo of a version 2 tree that offers these controllers."""
    point = tmp_path / "unified"
    point.mkdir(exist_ok=True)
    (point / "cgroup.controllers").write_text(offered + "\n")
    (point / "cgroup.subtree_control").write_text("")
    return f"40 24 0:40 / {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def use(mountinfo: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has the machine mount this; returns the names of the mount points to use."""
    chosen = cgroups.choose(cgroups.find(mountinfo))
    monkeypatch.setattr(cgroups, "_mounts", lambda: chosen)
    return [point.name for point in cgroups.hierarchies()]


def test_version_1_is_one_tree_for_each_set_of_controllers(monkeypatch: pytest.MonkeyPatch):
    names = ["systemd", "cpu,cpuacct", "cpuset", "memory", "pids"]
    assert use(OTHER + V1, monkeypatch) == names
    assert cgroups.version() == 1
    assert cgroups.available_controllers() == {"cpu", "cpuacct", "cpuset", "memory", "pids"}


def test_version_2_is_one_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    line = tree(tmp_path, "cpuset cpu io memory hugetlb pids")
    assert use(OTHER + line, monkeypatch) == ["unified"]
    assert cgroups.version() == 2
    assert cgroups.available_controllers() == {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}


@pytest.mark.parametrize("offered", ["", "hugetlb"])
def test_on_a_hybrid_machine_version_1_has_the_controllers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: str
):
    use(OTHER + tree(tmp_path, offered) + V1, monkeypatch)
    assert cgroups.version() == 1
    assert len(cgroups.hierarchies()) == 5


@pytest.mark.parametrize(
    "stray",
    [
        "50 24 0:50 / /sys/fs/cgroup/net_cls rw - cgroup cgroup rw,net_cls\n",
        "50 24 0:50 / /mnt/with\\040space rw - cgroup cgroup rw,xattr,name=systemd\n",
    ],
    ids=["a controller", "a name"],
)
def test_one_stray_mount_of_version_1_does_not_hide_version_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stray: str
):
    line = tree(tmp_path, "cpuset cpu io memory pids")
    assert use(OTHER + stray + line, monkeypatch) == ["unified"]
    monkeypatch.setattr(host, "_require", lambda *arguments: None)
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    host.require_features(settings.Cluster("unet-two"))


def test_an_escaped_mount_point_is_read():
    (mount,) = cgroups.find("50 24 0:50 / /mnt/with\\040space rw - cgroup cgroup rw,pids\n")
    assert mount.point == Path("/mnt/with space")


def test_a_hierarchy_that_is_mounted_twice_is_used_once(monkeypatch: pytest.MonkeyPatch):
    again = "60 24 0:28 /docker/x /mnt/x rw - cgroup cgroup rw,cpuset\n"
    read_only = "61 24 0:29 / /sys/memory ro - cgroup cgroup rw,memory\n"
    names = ["systemd", "cpu,cpuacct", "cpuset", "memory", "pids"]
    assert use(OTHER + again + read_only + V1, monkeypatch) == names


def test_a_machine_without_any_says_which_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert use(OTHER, monkeypatch) == []
    assert cgroups.version() == 0
    with pytest.raises(report.KubeError, match="no cpu, cpuset, memory, pids controller"):
        host.require_features(settings.Cluster("unet-two"))


def test_a_new_group_of_version_1_has_processors_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    mount = cgroups.Mount(tmp_path, 1, frozenset({"cpuset"}), whole=True)
    monkeypatch.setattr(cgroups, "_mounts", lambda: (mount,))
    group = tmp_path / "unet-two" / "node-0"
    group.mkdir(parents=True)
    for folder, cpus in ((tmp_path, "0-3"), (group.parent, ""), (group, "")):
        (folder / "cpuset.cpus").write_text(cpus)
        (folder / "cpuset.mems").write_text(cpus and "0")
    cgroups.create("unet-two/node-0")
    assert (group / "cpuset.cpus").read_text() == "0-3"
    assert (group / "cpuset.mems").read_text() == "0"


@pytest.fixture
def version2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up tree of version 2 with the group ``unet-two/node-0``; its files do nothing."""
    use(tree(tmp_path, "cpuset cpu io memory hugetlb pids rdma"), monkeypatch)
    monkeypatch.setattr(cgroups, "ROOT_RECORD", tmp_path / "record")
    folder = tmp_path / "unified"
    for part in ("unet-two", "node-0"):
        folder = folder / part
        folder.mkdir()
        (folder / "cgroup.controllers").write_text("cpuset cpu memory pids")
        (folder / "cgroup.subtree_control").write_text("")
        (folder / "cgroup.procs").write_text("")
    return tmp_path / "unified"


def test_version_2_hands_controllers_down_and_takes_the_roots_back(version2: Path):
    (version2 / "cgroup.subtree_control").write_text("memory pids")
    cgroups.create("unet-two/node-0")
    asked = set((version2 / "cgroup.subtree_control").read_text().split())
    assert asked == {"+cpu", "+cpuset", "+io"}, "not what is there or no node needs"
    below = set((version2 / "unet-two" / "cgroup.subtree_control").read_text().split())
    assert below == {"+cpu", "+cpuset", "+memory", "+pids"}
    assert (version2 / "unet-two" / "node-0" / "cgroup.subtree_control").read_text() == "", (
        "a node hands down to its own children"
    )
    cgroups.take_back()
    assert (version2 / "cgroup.subtree_control").read_text() in {"-cpu", "-cpuset", "-io"}
    assert not cgroups.ROOT_RECORD.exists()


def test_a_controller_that_cannot_be_handed_down_is_named(
    version2: Path, monkeypatch: pytest.MonkeyPatch
):
    def busy(self: Path, text: str) -> None:
        raise OSError(16, "Device or resource busy")

    (version2 / "cgroup.subtree_control").write_text("cpu cpuset io memory pids")
    monkeypatch.setattr(Path, "write_text", busy)
    with pytest.raises(report.KubeError, match=r"cannot hand down cpu, cpuset, memory, pids: Dev"):
        cgroups.create("unet-two/node-0")


def test_members_are_counted_however_deep(version2: Path):
    deep = version2 / "unet-two" / "node-0" / "kubepods" / "pod1"
    deep.mkdir(parents=True)
    (deep / "cgroup.procs").write_text("77\n78\n0\n")
    (version2 / "unet-two" / "cgroup.procs").write_text("79\n")
    assert cgroups.members("unet-two") == {77, 78, 79}
    assert cgroups.members("unet-three") == set()


@pytest.mark.parametrize(("file", "share"), [("cpu.shares", "4096"), ("cpu.weight", "400")])
def test_a_cluster_weighs_as_much_as_its_processes(version2: Path, file: str, share: str):
    (version2 / "unet-two" / file).write_text("1")
    cgroups.weigh("unet-two", processes=4)
    assert (version2 / "unet-two" / file).read_text() == share
