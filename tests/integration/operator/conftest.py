"""The real API server: that of the cluster under test (tests/e2e/cluster_fixtures.py)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cluster_fixtures
import pytest

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "unet-integration"


class Kubectl:
    """kubectl against the cluster under test."""

    def __init__(self, program: str, kubeconfig: str) -> None:
        self._program, self._kubeconfig = program, kubeconfig

    def __call__(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs kubectl; the caller looks at the outcome."""
        return subprocess.run(
            [self._program, "--kubeconfig", self._kubeconfig, *args],
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def ok(self, *args: str, stdin: str | None = None) -> str:
        """Runs kubectl, which must succeed; returns what it printed."""
        result = self(*args, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """kubectl, with the CRD and a namespace in place."""
    cluster = cluster_fixtures.under_test()
    found = Kubectl(cluster.program, cluster.kubeconfig)
    found.ok("apply", "-f", str(ROOT / "manifests/crd.yaml"))
    found.ok("wait", "--for=condition=Established", "crd/unettrainings.unet.dev", "--timeout=30s")
    if found("get", "namespace", NAMESPACE).returncode != 0:
        found.ok("create", "namespace", NAMESPACE)
    return found
