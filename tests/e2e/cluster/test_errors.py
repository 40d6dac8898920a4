"""What a machine lacks is said in one line, before anything is started."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from support.cluster_fixtures import CHECKOUT
from support.throwaway_cluster import NAME, Kube

pytestmark = pytest.mark.e2e


def test_another_user_is_told_to_be_root(kube: Kube):
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*command, CHECKOUT / "cluster" / "kube", "up"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cluster/kube: up: runs as uid 65534; run it as root (sudo)\n"


def test_a_taken_port_is_named(kube: Kube):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = Kube(port).run("up", "--nodes", "1")
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use" in done.stderr
    assert "--port" in done.stderr
    assert not list(Path("/run/netns").glob(f"{NAME}-*"))


def test_a_small_disk_is_told_how_much_is_needed(kube: Kube, tmp_path: Path):
    script = 'mount -t tmpfs -o size=64m tmpfs "$1" && UNET_CACHE="$1" exec "$2" build'
    arguments = ["sh", str(tmp_path), str(CHECKOUT / "cluster" / "kube")]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"{tmp_path}: 0.1 GiB free; free 1 GiB" in done.stderr


def test_a_checkout_on_an_overlay_is_refused(kube: Kube, tmp_path: Path):
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    shutil.copytree(CHECKOUT / "cluster", tmp_path / "lower" / "cluster")
    script = """
        cd "$1"
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
        exec merged/cluster/kube --name "$2" --port "$3" up --nodes 1
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path), NAME, str(kube.port)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"overlay on {tmp_path}/merged/.cluster/{NAME}: " in done.stderr
    assert "keep the checkout on ext4" in done.stderr


def test_more_nodes_than_there_are_addresses_is_a_usage_error(kube: Kube):
    done = kube.run("up", "--nodes", "9")
    assert done.returncode == 2
    assert "9 is not between 1 and 8" in done.stderr
