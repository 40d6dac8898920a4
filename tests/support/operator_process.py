"""The operator as a process of this checkout, with the rights of the chart's Role and no more."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from support.cluster_fixtures import CHECKOUT, Kubectl

ACCOUNT = "unet-operator"
IMAGE = "unet.invalid/absent:1"
"""The image of trainings that name none: nobody has it."""


def chart_rights(namespace: str) -> list[dict]:
    """The chart's accounts and roles for one namespace."""
    own = CHECKOUT / ".cluster" / "bin" / "helm"
    helm = str(own) if own.exists() else shutil.which("helm")
    assert helm, "no helm: run `make cluster-build`, or put helm on the PATH"
    text = subprocess.run(
        [
            helm,
            "template",
            ACCOUNT,
            str(CHECKOUT / "charts" / "unet-operator"),
            "--namespace",
            namespace,
            "--set",
            f"watchNamespace={namespace}",
            "--set",
            "crds.install=false",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    kinds = {"ServiceAccount", "Role", "RoleBinding"}
    return [body for body in yaml.safe_load_all(text) if body and body["kind"] in kinds]


def kubeconfig_of(kubectl: Kubectl, path: Path) -> Path:
    """A kubeconfig with a token of the operator's account in kubectl's namespace."""
    admin = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    token = kubectl("create", "token", ACCOUNT, "--duration=2h").strip()
    context = {"cluster": "it", "user": ACCOUNT, "namespace": kubectl.namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": context}],
        "clusters": [{"name": "it", "cluster": admin["clusters"][0]["cluster"]}],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
    }
    path.write_text(json.dumps(config))
    return path


@dataclass
class OperatorProcess:
    """A replica of the operator."""

    kubectl: Kubectl
    folder: Path
    name: str = "replica-1"
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    port: int = 0

    def start(self, *, wait: bool = True) -> OperatorProcess:
        """Starts it; returns once it is ready."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        kubeconfig = kubeconfig_of(self.kubectl, self.folder / f"{self.name}.kubeconfig")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(CHECKOUT / "operator"),
            "KUBECONFIG": str(kubeconfig),
            "POD_NAME": self.name,
            "POD_NAMESPACE": self.kubectl.namespace,
            "UNET_OPERATOR_NAMESPACE": self.kubectl.namespace,
            "UNET_OPERATOR_TRAINING_IMAGE": IMAGE,
            "UNET_OPERATOR_PORT": str(self.port),
            **self.settings,
        }
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "unet_operator.app"],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        if wait:
            self.kubectl.wait_until(f"{self.name} is ready", self.is_ready, 120)
        return self

    @property
    def log_file(self) -> Path:
        """Where it logs to, over all its lives."""
        return self.folder / f"{self.name}.log"

    def log(self) -> list[dict]:
        """Its log so far; whatever is no JSON line fails."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def is_ready(self) -> bool:
        """Whether /readyz says so; fails when the process has ended."""
        assert self.process.poll() is None, self.log_file.read_text()[-4000:]
        return self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """(status, text) of its HTTP server; 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as a:
                return a.status, a.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all samples with these labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def leads(self) -> bool:
        """Whether it acts."""
        return self.metric("unet_operator_leading") == 1

    def writes(self) -> dict[str, float]:
        """How often it wrote children, status and events."""
        total = sum(
            self.metric("unet_operator_api_requests_total", method=method)
            for method in ("POST", "PUT", "PATCH", "DELETE")
        )
        count = "unet_operator_api_requests_total"
        status = self.metric(count, method="PATCH", resource="unettrainings")
        events = self.metric(count, method="POST", resource="events")
        leases = self.metric(count, resource="leases") - self.metric(
            count, resource="leases", method="GET"
        )
        children = total - status - events - leases
        return {"children": children, "status": status, "events": events}

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Asks it to end, as Kubernetes does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def close(self) -> None:
        """Makes sure that it does not run."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
