"""Helm and plain manifests give the same operator; taking it away takes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.cluster_fixtures import CHECKOUT, Kubectl
from support.operator_fixtures import RELEASE, SYSTEM, TrainingNamespace, helm, install, training

pytestmark = pytest.mark.e2e

MANIFESTS = CHECKOUT / "manifests"
SAMPLES = sorted((MANIFESTS / "samples").glob("*.yaml"))


def objects(text: str) -> dict[tuple[str, str], dict]:
    """The objects of a stream of YAML documents, by kind and name."""
    found = [item for item in yaml.safe_load_all(text) if item]
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


def test_chart_and_manifests_are_the_same_objects(operator: Kubectl):
    ours = objects((MANIFESTS / "crd.yaml").read_text())
    ours |= objects((MANIFESTS / "operator.yaml").read_text())
    del ours["Namespace", SYSTEM]  # helm makes it by --create-namespace
    theirs = objects(helm(operator, "get", "manifest", RELEASE))
    # Only so that the fixture can restart the operator.
    pod = theirs["Deployment", RELEASE]["spec"]["template"]
    del pod["metadata"]["annotations"]["started"]
    assert theirs == ours


def test_manifests_apply_by_themselves(operator: Kubectl):
    files = [word for name in ("crd", "operator") for word in ("-f", f"{MANIFESTS}/{name}.yaml")]
    operator.within(SYSTEM)(
        "apply", "--dry-run=server", "--server-side", "--force-conflicts", *files
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_samples_are_accepted(trainings: TrainingNamespace, sample: Path):
    trainings.kubectl("apply", "--dry-run=server", "-f", str(sample))


def test_uninstalling_leaves_trainings_and_their_children(
    operator: Kubectl, trainings: TrainingNamespace
):
    kubectl = trainings.kubectl
    kubectl.apply(training("kept", training={"epochs": 1}, image="unet.local/none:1"))
    kubectl.wait_until("it has children", lambda: kubectl.exists("job", "kept-worker-1"))
    before = kubectl.get("unettraining", "kept")["metadata"]
    try:
        helm(operator, "uninstall", RELEASE, "--wait")
        assert not operator.within(SYSTEM).exists("deployment", RELEASE)
        assert kubectl.get("unettraining", "kept")["metadata"]["uid"] == before["uid"]
        assert "deletionTimestamp" not in kubectl.get("job", "kept-worker-1")["metadata"]
        # No finalizer waits for an operator that is gone.
        kubectl("delete", "unettraining", "kept", "--timeout=30s")
    finally:
        install(operator)
