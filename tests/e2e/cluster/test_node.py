"""A node is whole or gone: it ends with the first of its daemons, says so, and can return."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.cluster_fixtures import CHECKOUT, Kubectl
from support.throwaway_cluster import STATE, Kube

pytestmark = pytest.mark.e2e


def log(index: int) -> str:
    """What the node's first process has said since the cluster's first start."""
    return (STATE / "log" / f"node-{index}.log").read_text()


@pytest.mark.parametrize("daemon", ["containerd", "kubelet", "kube-proxy"])
def test_the_end_of_a_daemon_is_the_end_of_its_node(kube: Kube, two_nodes: Kubectl, daemon: str):
    outer = Path(f"/proc/{kube.pid('node-1')}")
    kube("shell", "1", "pkill", "-KILL", "-x", daemon)
    two_nodes.wait_until("the node has ended", lambda: not outer.exists(), seconds=30)
    assert f"node node-1 ends: {daemon} ended (exit code 137)" in log(1).splitlines()[-21:][0]
    assert "start-node starts it" in kube.run("status").stdout
    kube("start-node", "1")
    assert kube.run("status").returncode == 0


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("containerd", "node node-7 ends: containerd ended; the end of"),
        ("node-images", "node node-7 ends: images cannot be imported; the end of"),
        ("kubelet", "node node-7 ends: kubelet ended (exit code 3); the end of"),
    ],
)
def test_what_cannot_start_ends_the_node(tmp_path: Path, broken: str, said: str):
    if os.geteuid() != 0:
        pytest.skip("a mount namespace needs root")
    for program in ("containerd", "kube-proxy", "kubelet"):
        stand_in(tmp_path / program, "exec sleep 60")
    stand_in(tmp_path / "ctr", "true" if broken != "containerd" else "false")
    for program in ("iptables", "node-images"):
        stand_in(tmp_path / program, "true")
    stand_in(tmp_path / broken, "echo its last words; exit 3")
    script = """
        mount -t tmpfs tmpfs /var/log && mount -t tmpfs tmpfs /sys/fs/cgroup
        mount -t tmpfs tmpfs /etc && mkdir /etc/kubernetes
        echo 10.200.0.27 >/etc/kubernetes/node-ip
        exec "$1" node-7
    """
    init = CHECKOUT / "cluster" / "node" / "init.sh"
    done = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"),
            *(script, "sh", str(init)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "its last words" in done.stderr


def stand_in(program: Path, script: str) -> None:
    """Writes a program of a node that only does this."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
