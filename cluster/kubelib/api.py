"""The two ways to the cluster's API: plain GETs for waiting, kubectl for the rest."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request

from .report import KubeError
from .settings import Cluster

Json = dict[str, object]


def get_or_none(cluster: Cluster, path: str) -> Json | None:
    """Returns the object at `path` of the API; None when it is absent or nothing answers."""
    body = _get(cluster, path)
    return json.loads(body) if body is not None else None


def is_ready(cluster: Cluster) -> bool:
    """Whether the API server says that all of it is ready."""
    return _get(cluster, "/readyz") == b"ok"


def _get(cluster: Cluster, path: str) -> bytes | None:
    try:
        context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
        context.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")
        url = f"https://127.0.0.1:{cluster.port}{path}"
        with urllib.request.urlopen(url, context=context, timeout=5) as response:
            return response.read()
    except (urllib.error.URLError, OSError):
        return None


def kubectl(cluster: Cluster, *arguments: str, stdin: str | None = None) -> str:
    """Runs kubectl as administrator and returns what it printed.

    Raises:
        KubeError: it failed; the message is kubectl's.
    """
    done = subprocess.run(
        [cluster.bin / "kubectl", "--kubeconfig", cluster.kubeconfig, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise KubeError(f"kubectl {' '.join(arguments)}", done.stderr.strip(), "see the message")
    return done.stdout
