"""The life of a throwaway cluster, on one of its own beside whatever else runs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support.cluster_fixtures import BUSYBOX, CHECKOUT, Kubectl, claim, restricted_pod
from support.throwaway_cluster import NAME, STATE, Kube

pytestmark = pytest.mark.e2e


def node_ready(kubectl: Kubectl, name: str) -> str:
    """Status of the node's Ready condition: True, False or Unknown."""
    conditions = kubectl.get("node", name)["status"]["conditions"]
    return next(c["status"] for c in conditions if c["type"] == "Ready")


def test_an_idle_cluster_is_small(kube: Kube, two_nodes: Kubectl):
    used = re.search(r"memory used .*: (\d+) =", kube("status"))
    assert int(used[1]) < 2048


def test_up_repairs_what_was_killed(kube: Kube, two_nodes: Kubectl):
    for process in ("kube-apiserver", "etcd", "relay-outside", "node-0"):
        os.kill(kube.pid(process), signal.SIGKILL)
    assert kube.run("status").returncode == 1
    kube("up")
    assert kube.run("status").returncode == 0
    two_nodes("get", "nodes")


def test_a_killed_node_is_missed_and_returns_with_its_disk(kube: Kube, two_nodes: Kubectl):
    write = "echo kept > /disk/f; exec sleep 3600"
    pod = restricted_pod("writer", write, claims={"/disk": "disk"}, restartPolicy="Always")
    two_nodes.apply(claim("disk", shared=False), pod)
    two_nodes("wait", "--for=condition=Ready", "pod/writer", "--timeout=120s")
    node = two_nodes.get("pod", "writer")["spec"]["nodeName"]
    index = node.removeprefix("node-")
    kube("kill-node", index)
    two_nodes.wait_until("the node is missed", lambda: node_ready(two_nodes, node) == "Unknown")
    kube("start-node", index)
    assert node_ready(two_nodes, node) == "True"
    two_nodes("delete", "pod", "writer", "--wait")
    two_nodes.apply(restricted_pod("reader", "cat /disk/f", claims={"/disk": "disk"}))
    two_nodes.wait_phase("reader", "Succeeded")
    assert two_nodes("logs", "reader") == "kept\n"


def test_a_loaded_image_is_on_every_node_and_stays(kube: Kube, two_nodes: Kubectl, tmp_path: Path):
    system = next((STATE / "images").glob("system-busybox-*.tar"))
    archive = tmp_path / "mine.tar"
    # The same image under another name of the same length keeps the archive valid.
    mine = BUSYBOX.replace("busybox", "mybox01")
    archive.write_bytes(system.read_bytes().replace(BUSYBOX.encode(), mine.encode()))
    assert mine in kube("load", str(archive))
    kube("kill-node", "1")
    kube("start-node", "1")
    for node in ("node-0", "node-1"):
        two_nodes.apply(restricted_pod(f"on-{node}", "true", image=mine, nodeName=node))
        two_nodes.wait_phase(f"on-{node}", "Succeeded")


def test_nodes_share_the_files_of_their_images(kube: Kube, two_nodes: Kubectl):
    inodes = [
        {file.stat().st_ino for file in store.rglob("fs/bin/busybox") if not file.is_symlink()}
        for store in ((STATE / "stores" / name) for name in ("node-0", "node-1"))
    ]
    assert inodes[0]
    assert inodes[0] == inodes[1]
    assert list((STATE / "stores" / "layers").glob(".unfinished*")) == []


def test_load_names_a_file_that_is_no_image(kube: Kube, two_nodes: Kubectl, tmp_path: Path):
    wrong = tmp_path / "wrong.tar"
    wrong.write_text("no archive")
    done = kube.run("load", str(wrong))
    assert done.returncode == 1
    assert str(wrong) in done.stderr
    assert "docker save" in done.stderr


def test_fake_nodes_come_and_go(kube: Kube, two_nodes: Kubectl):
    kube("fake-nodes", "3")
    assert len(two_nodes.get("nodes", "-l", "type=kwok")["items"]) == 3
    kube("fake-nodes", "0")
    assert two_nodes.get("nodes", "-l", "type=kwok")["items"] == []


def test_a_fake_node_ends_a_pod_before_it_is_gone(kube: Kube, two_nodes: Kubectl):
    kube("fake-nodes", "1")
    fake = {"key": "kwok.x-k8s.io/node", "operator": "Exists"}
    body = restricted_pod("serves", "exec sleep 3600", nodeName="kwok-0", tolerations=[fake])
    template = {"metadata": {"labels": {"unet.dev/role": "worker"}}, "spec": body["spec"]}
    disrupted = {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]}
    two_nodes.apply(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "serves"},
            "spec": {"template": template, "podFailurePolicy": {"rules": [disrupted]}},
        }
    )
    two_nodes.wait_until("it runs", lambda: two_nodes.get("job", "serves")["status"].get("ready"))
    (pod,) = two_nodes.get("pods", "-l", "job-name=serves")["items"]
    # With a podFailurePolicy, the Job controller lets go only of a pod that has ended.
    two_nodes("delete", "pod", pod["metadata"]["name"], "--timeout=60s")
    two_nodes("delete", "job", "serves")
    kube("fake-nodes", "0")


def test_a_proxy_of_the_environment_is_not_asked(kube: Kube, two_nodes: Kubectl):
    nobody = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:1")
    for process in ("kube-apiserver", "kube-controller-manager", "node-1"):
        os.kill(kube.pid(process), signal.SIGKILL)
    done = kube.run("up", **nobody)
    assert done.returncode == 0, done.stderr
    assert kube.run("status", **nobody).returncode == 0
    two_nodes.apply(restricted_pod("after-proxy", "true", nodeName="node-1"))
    two_nodes.wait_phase("after-proxy", "Succeeded")


def test_another_checkout_is_told_who_runs_the_cluster(
    kube: Kube, two_nodes: Kubectl, tmp_path: Path
):
    other = tmp_path / "checkout" / "cluster"
    shutil.copytree(CHECKOUT / "cluster", other)
    for command in ("up", "down", "status"):
        done = Kube(kube.port, other).run(command)
        assert done.returncode == 1
        assert f"runs from {STATE}" in done.stderr


def test_of_two_checkouts_that_start_at_once_one_is_told(
    kube: Kube, two_nodes: Kubectl, tmp_path: Path
):
    kube("down")
    other = tmp_path / "checkout" / "cluster"
    shutil.copytree(CHECKOUT / "cluster", other)
    both = [kube, Kube(kube.port + 1, other)]
    started = [
        subprocess.Popen(each.command("up", "--nodes", "1"), stderr=subprocess.PIPE, text=True)
        for each in both
    ]
    errors = [process.communicate()[1] for process in started]
    codes = [process.returncode for process in started]
    assert sorted(codes) == [0, 1], errors
    won = codes.index(0)
    assert "runs from" in errors[1 - won]
    assert both[1 - won].run("down").returncode == 1
    assert both[won].run("status").returncode == 0
    both[won]("down")
    kube("up", "--nodes", "2")


def test_a_cluster_that_lost_its_records_is_ended_first(kube: Kube, two_nodes: Kubectl):
    records, hidden = STATE / "run", STATE / "hidden"
    records.rename(hidden)
    done = kube.run("up", "--nodes", "2")
    shutil.rmtree(records, ignore_errors=True)
    hidden.rename(records)
    assert done.returncode == 1
    assert "runs, but not from here; run `down` first" in done.stderr


def test_the_port_is_remembered_and_cannot_change_meanwhile(kube: Kube, two_nodes: Kubectl):
    status = subprocess.run(
        [kube.folder / "kube", "--name", NAME, "status"], capture_output=True, check=False
    )
    assert status.returncode == 0
    done = Kube(kube.port + 1).run("up")
    assert done.returncode == 1
    assert f"listens on port {kube.port}, not {kube.port + 1}; run `down` first" in done.stderr


def test_another_number_of_nodes_is_refused(kube: Kube, two_nodes: Kubectl):
    done = kube.run("up", "--nodes", "1")
    assert done.returncode == 1
    assert "runs with 2 nodes, not 1" in done.stderr
