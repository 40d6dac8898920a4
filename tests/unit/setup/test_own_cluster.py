"""No cluster but a throwaway one is touched unless CLUSTER names it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from machinelib import own_cluster
from machinelib.text import Problem
from support import cluster_fixtures, operator_fixtures
from support.cluster_fixtures import Kubectl

CALLS_NOTED = '#!/bin/sh\necho "$*" >> "$CALLS"\n'
CONFIG = json.dumps(
    {
        "current-context": "kind-kind",
        "clusters": [{"cluster": {"server": "https://127.0.0.1:6443"}}],
    }
)


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment whose kubectl has a current context `kind-kind` and answers everything."""
    (tmp_path / "kubectl").write_text(f"{CALLS_NOTED}echo '{CONFIG}'\n")
    (tmp_path / "kubectl").chmod(0o755)
    changes = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "KUBECONFIG": "/home/me/config",
    }
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CLUSTER", raising=False)
    return changes


@pytest.mark.parametrize("name", ["kind-kind", "https://127.0.0.1:6443"])
def test_a_cluster_is_named_by_its_context_or_server(kubectl: dict[str, str], name: str):
    found = own_cluster.chosen(kubectl | {"CLUSTER": name})
    assert found == own_cluster.Named("kind-kind", "https://127.0.0.1:6443")


@pytest.mark.parametrize("name", ["current", "production", "kind"])
def test_another_name_than_the_current_cluster_s_is_refused(kubectl: dict[str, str], name: str):
    with pytest.raises(Problem, match="CLUSTER=kind-kind uses that"):
        own_cluster.chosen(kubectl | {"CLUSTER": name})


def test_only_clusters_of_this_checkout_are_throwaway():
    ours = own_cluster.CHECKOUT / ".cluster"
    assert own_cluster.is_throwaway({})
    assert own_cluster.is_throwaway({"KUBECONFIG": f"{ours}/kubeconfig"})
    assert own_cluster.is_throwaway({"KUBECONFIG": f"{ours}/unet-ci/kubeconfig"})
    assert not own_cluster.is_throwaway({"KUBECONFIG": f"{ours}/kubeconfig:/home/me/config"})
    assert not own_cluster.is_throwaway({"KUBECONFIG": "/home/me/config"})
    assert not own_cluster.is_throwaway({"CLUSTER": "kind-kind"})


def test_tests_leave_the_cluster_of_an_exported_kubeconfig_alone(
    kubectl: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_fixtures, "CHECKOUT", tmp_path)
    (tmp_path / "kubectl").write_text(f"{CALLS_NOTED}exit 1\n")
    with pytest.raises(pytest.skip.Exception, match="CLUSTER=NAME uses it"):
        cluster_fixtures.under_test(tmp_path)
    ours = f"--kubeconfig={tmp_path}/.cluster/kubeconfig"
    assert Path(kubectl["CALLS"]).read_text() == f"{ours} --namespace=default get --raw /readyz\n"


def test_tests_use_the_context_that_is_named_and_stay_with_it(
    kubectl: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster_fixtures, "CHECKOUT", tmp_path / "checkout")
    monkeypatch.setenv("CLUSTER", "kind-kind")
    found = cluster_fixtures.under_test(tmp_path)
    assert found.kubeconfig == str(tmp_path / "kubeconfig")
    assert json.loads(Path(found.kubeconfig).read_text()) == json.loads(CONFIG)
    assert Path(found.kubeconfig).stat().st_mode & 0o077 == 0
    assert cluster_fixtures.throwaway_name(found) == ""


@pytest.mark.parametrize("annotations", [{}, {"image": "mine"}])
def test_tests_take_over_no_release_of_another(
    kubectl: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, annotations: dict
):
    release = {"name": "unet-operator", "namespace": "unet-system", "chart": "unet-operator-0.1.0"}
    (tmp_path / "helm").write_text(
        f'{CALLS_NOTED}case "$*" in *" list "*) echo \'{json.dumps([release])}\' ;; '
        f"*) echo '{json.dumps({'podAnnotations': annotations})}' ;; esac\n"
    )
    (tmp_path / "helm").chmod(0o755)
    monkeypatch.setattr(operator_fixtures, "CHECKOUT", tmp_path)
    with pytest.raises(pytest.fail.Exception, match="release unet-operator in unet-system"):
        operator_fixtures.install(Kubectl("kubectl", str(tmp_path / "kubeconfig")))
    asked = Path(kubectl["CALLS"]).read_text()
    assert "upgrade" not in asked
    assert "uninstall" not in asked


def test_a_throwaway_cluster_is_known_by_its_folder():
    ours = own_cluster.CHECKOUT / ".cluster"
    names = {
        f"{ours}/kubeconfig": "unet",
        f"{ours}/unet-ci/kubeconfig": "unet-ci",
        "/home/me/.kube/config": "",
    }
    for path, name in names.items():
        assert cluster_fixtures.throwaway_name(Kubectl("kubectl", path)) == name
