"""The two ways to the cluster's API: plain GETs for waiting, kubectl for the rest."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime

from . import processes
from .report import KubeError
from .settings import Cluster

Json = dict[str, object]


@dataclass(frozen=True)
class NodeReport:
    """What Kubernetes knows of a node.

    Attributes:
        ready: when the node last said that it is Ready; None when it does not.
        cpu: the CPUs that it offers to pods, as a Kubernetes quantity; None before it says.
        memory_mib: the memory that it offers to pods, in MiB; 0 before it says.
    """

    ready: datetime | None
    cpu: str | None
    memory_mib: int


def node_report(cluster: Cluster, name: str) -> NodeReport | None:
    """What Kubernetes knows of a node; None when it is unknown or nothing answers."""
    body = _get(cluster, f"/api/v1/nodes/{name}")
    if body is None:
        return None
    status = json.loads(body)["status"]
    beats = [
        datetime.fromisoformat(condition["lastHeartbeatTime"])
        for condition in status.get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]
    room = status.get("allocatable", {})
    mebibytes = int(room.get("memory", "0Ki").removesuffix("Ki")) // 1024
    return NodeReport(max(beats, default=None), room.get("cpu"), mebibytes)


def is_ready(cluster: Cluster) -> bool:
    """Whether the API server says that all of it is ready."""
    return _get(cluster, "/readyz") == b"ok"


def _get(cluster: Cluster, path: str) -> bytes | None:
    try:
        context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
        context.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")
        url = f"https://127.0.0.1:{cluster.port}{path}"
        # No proxy of the environment: it could not know this machine's loopback.
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with direct.open(url, timeout=5) as response:
            body: bytes = response.read()
            return body
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
        env=processes.environment(),
    )
    if done.returncode:
        raise KubeError(f"kubectl {' '.join(arguments)}", done.stderr.strip(), "see the message")
    return done.stdout
