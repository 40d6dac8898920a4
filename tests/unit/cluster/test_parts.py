"""The parts of cluster/kubelib that decide without touching the machine."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubelib import api, build, cli, files, host, images, lifecycle, report, settings


def image(tmp_path: Path) -> images.Image:
    """A tiny image."""
    binary = tmp_path / "program"
    binary.write_bytes(b"\x7fELF")
    return images.Image("unet.local/tiny:1", binary, "/program", ("/program",), links=("other",))


def test_the_same_binary_gives_the_same_image(tmp_path: Path):
    first, second = tmp_path / "a.tar", tmp_path / "b.tar"
    images.write_archive(image(tmp_path), first)
    images.write_archive(image(tmp_path), second)
    assert first.read_bytes() == second.read_bytes()


def test_an_image_holds_its_program_executable_and_its_links(tmp_path: Path):
    images.write_archive(image(tmp_path), tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        layer = archive.extractfile("layer.tar").read()
    with tarfile.open(fileobj=io.BytesIO(layer)) as tree:
        assert tree.getmember("program").mode == 0o755
        assert tree.getmember("bin/other").linkname == "/program"


def test_a_docker_archive_tells_its_tags(tmp_path: Path):
    images.write_archive(image(tmp_path), tmp_path / "a.tar")
    assert lifecycle.image_names(tmp_path / "a.tar") == ["unet.local/tiny:1"]


def test_an_oci_archive_tells_its_tags(tmp_path: Path):
    name = {"org.opencontainers.image.ref.name": "localhost/x:2"}
    index = json.dumps({"manifests": [{"annotations": name}]}).encode()
    with tarfile.open(tmp_path / "oci.tar", "w") as tar:
        info = tarfile.TarInfo("index.json")
        info.size = len(index)
        tar.addfile(info, io.BytesIO(index))
    assert lifecycle.image_names(tmp_path / "oci.tar") == ["localhost/x:2"]


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_nodes_together_offer_the_machine_once(nodes: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host, "total_memory", lambda: 24 << 30)
    offered = nodes * host.node_memory(nodes)
    assert (24 << 30) - host.CONTROL_PLANE_MEMORY - nodes < offered
    assert offered <= (24 << 30) - host.CONTROL_PLANE_MEMORY


def test_too_many_nodes_for_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host, "total_memory", lambda: 3 << 30)
    with pytest.raises(report.KubeError, match="fewer with --nodes"):
        host.node_memory(3)


def test_nodes_and_their_pods_have_addresses_of_their_own():
    indices = range(settings.MAX_NODES)
    addresses = {settings.node_ip(i) for i in indices} | {settings.CONTROL_PLANE_IP}
    assert len(addresses) == settings.MAX_NODES + 1
    assert len({settings.node_pod_range(i) for i in indices}) == settings.MAX_NODES


@pytest.mark.parametrize("name", ["docker", "system.slice", "unet-", "unet-../x", "unet-Two"])
def test_a_name_that_others_could_have_is_refused(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["--name", name, "down"])
    assert f"{name} is not unet or unet-SOMETHING" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = tmp_path / "f"
    files.write_atomic(target, "old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_atomic(target, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert target.read_text() == "old"


def test_a_digest_depends_on_where_one_part_ends():
    assert files.digest("ab", "c") != files.digest("a", "bc")


@pytest.mark.parametrize(
    ("status", "report"),
    [
        (
            {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "lastHeartbeatTime": "2026-01-02T03:04:05Z",
                    }
                ],
                "allocatable": {"cpu": "1", "memory": "2097152Ki"},
            },
            api.NodeReport(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "1", 2048),
        ),
        (
            {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "Unknown",
                        "lastHeartbeatTime": "2026-01-02T03:04:05Z",
                    }
                ]
            },
            api.NodeReport(None, None, 0),
        ),
        ({}, api.NodeReport(None, None, 0)),
    ],
    ids=["ready", "silent", "new"],
)
def test_a_node_is_ready_when_it_says_so(
    status: dict, report: api.NodeReport, monkeypatch: pytest.MonkeyPatch
):
    body = json.dumps({"status": status}).encode()
    monkeypatch.setattr(api, "_get", lambda cluster, path: body)
    assert api.node_report(settings.Cluster("unet", 6443), "unet-node-0") == report


def test_a_node_that_nothing_is_known_of_has_no_report(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api, "_get", lambda cluster, path: None)
    assert api.node_report(settings.Cluster("unet", 6443), "unet-node-0") is None


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but an apt-get, which notes that it was called."""
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    called = tmp_path / "called"
    apt = tmp_path / "bin" / "apt-get"
    files.write_atomic(apt, f"#!/bin/sh\necho $* >>{called}\n", 0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}")
    return called


@pytest.mark.parametrize("agreed", ["", "yes"])
def test_packages_are_named_and_left_to_their_one_installer(
    bare: Path, monkeypatch: pytest.MonkeyPatch, agreed: str
):
    monkeypatch.setenv("UNET_INSTALL", agreed)
    with pytest.raises(report.KubeError) as refused:
        build.require_packages()
    assert "lacks iproute2, mmdebstrap, openssl, procps, socat, util-linux" in str(refused.value)
    assert "make packages-cluster, or: apt-get update && apt-get install" in str(refused.value)
    assert not bare.exists()


def test_the_disk_of_a_first_build_is_asked_of_every_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go = tmp_path / "bin" / "go"
    files.write_atomic(go, f"#!/bin/sh\necho {tmp_path}/go-build\necho {tmp_path}/mod\n", 0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    asked = []
    monkeypatch.setattr(host, "require_disk", lambda folder, size, _: asked.append(size))
    cache = tmp_path / "cache"
    host.require_build_disk(tmp_path / "state", cache)
    assert asked == [sum(host.GO_DISK.values()) + host.CACHE_DISK + host.STATE_DISK]
    files.write_atomic(cache / "bin" / "kubernetes-1", "")
    host.require_build_disk(tmp_path / "state", cache)
    assert asked[1:] == [host.CACHE_DISK + host.STATE_DISK]
