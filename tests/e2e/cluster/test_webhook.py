"""The API server reaches an admission webhook that runs in a pod, behind a Service."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from kubelib import images
from support.cluster_fixtures import Kubectl, KubectlError, restricted_pod
from support.throwaway_cluster import Kube

pytestmark = pytest.mark.e2e

IMAGE = "unet.local/webhook:1"
HOST = "webhook.default.svc"
SOURCE = Path(__file__).with_name("webhook") / "main.go"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for the Service's name, signed by itself, and its key."""
    crt, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", f"/CN={HOST}", "-addext"),
            *(f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(crt)),
        ],
        check=True,
        capture_output=True,
    )
    return crt, key


def webhook_image(folder: Path) -> Path:
    """The webhook as an image archive."""
    program = folder / "webhook"
    subprocess.run(
        [shutil.which("go"), "build", "-o", str(program), str(SOURCE)],
        check=True,
        env={**os.environ, "CGO_ENABLED": "0"},
    )
    archive = folder / "webhook.tar"
    images.write_archive(images.Image(IMAGE, program, "/webhook", ("/webhook",)), archive)
    return archive


def configuration(authority: bytes) -> dict:
    """Asks the webhook about every config map of namespace `default`."""
    service = {"namespace": "default", "name": "webhook", "port": 443}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "webhook"},
        "webhooks": [
            {
                "name": HOST,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {
                    "service": service,
                    "caBundle": base64.b64encode(authority).decode(),
                },
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
            }
        ],
    }


def test_a_webhook_in_a_pod_is_asked(
    kube: Kube, two_nodes: Kubectl, certificate: tuple[Path, Path], tmp_path: Path
):
    crt, key = certificate
    kube("load", str(webhook_image(tmp_path)))
    two_nodes("create", "secret", "tls", "webhook", f"--cert={crt}", f"--key={key}")
    pod = restricted_pod("webhook", ["/webhook"], image=IMAGE, labels={"app": "webhook"})
    (main,) = pod["spec"]["containers"]
    main["volumeMounts"] = [{"name": "tls", "mountPath": "/tls"}]
    main["readinessProbe"] = {"tcpSocket": {"port": 8443}, "periodSeconds": 1}
    pod["spec"]["volumes"] = [{"name": "tls", "secret": {"secretName": "webhook"}}]
    ports = [{"port": 443, "targetPort": 8443}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "webhook"},
        "spec": {"selector": {"app": "webhook"}, "ports": ports},
    }
    two_nodes.apply(pod, service)
    two_nodes("wait", "--for=condition=Ready", "pod/webhook", "--timeout=120s")
    two_nodes.apply(configuration(crt.read_bytes()))

    def asked() -> bool:
        try:
            two_nodes("create", "configmap", "any", "--dry-run=server")
        except KubectlError as error:
            return "the webhook in a pod was asked" in str(error)
        return False

    two_nodes.wait_until("the webhook is asked", asked, seconds=30)
