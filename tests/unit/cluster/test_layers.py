"""Unpacked layers are kept as long as a node's store links to their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kubelib import files, nodes, settings


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Cluster:
    """A cluster whose node 0 uses layer `used`, and whose layer `old` nobody uses."""
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    made = settings.Cluster("unet-two")
    layers = made.stores / "layers"
    for name in ("used", "old"):
        files.write_atomic(layers / name / "files" / "bin" / "program", name)
        files.write_atomic(layers / name / "applied.json", "{}")
        files.write_atomic(layers / f"{name}.lock", "")
    snapshot = made.stores / "node-0" / "snapshots" / "1" / "fs" / "program"
    snapshot.parent.mkdir(parents=True)
    os.link(layers / "used" / "files" / "bin" / "program", snapshot)
    return made


def test_a_layer_that_no_node_links_to_goes(cluster: settings.Cluster):
    nodes.prune_layers(cluster)
    names = {path.name for path in (cluster.stores / "layers").iterdir()}
    assert names == {"used", "used.lock"}


def test_what_a_killed_node_left_unfinished_goes(cluster: settings.Cluster):
    layers = cluster.stores / "layers"
    unfinished = layers / ".unfinished-1" / "files" / "program"
    unfinished.parent.mkdir(parents=True)
    os.link(layers / "used" / "files" / "bin" / "program", unfinished)
    nodes.prune_layers(cluster)
    assert not (layers / ".unfinished-1").exists()
    assert (layers / "used" / "files" / "bin" / "program").exists()


def test_a_cluster_that_never_ran_has_nothing_to_prune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    nodes.prune_layers(settings.Cluster("unet-two"))
