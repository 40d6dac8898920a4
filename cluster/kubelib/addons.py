"""What runs on the nodes to make the cluster complete: names, volumes, network policy."""

from __future__ import annotations

from string import Template

from . import api, images, settings
from .settings import SOURCE, Cluster

MANIFESTS = ("kube-proxy.yaml", "coredns.yaml", "network-policies.yaml", "storage.yaml")

WORKLOADS = (
    ("kube-system", "deployment/coredns"),
    ("kube-system", "daemonset/kube-network-policies"),
    ("storage", "deployment/local-path-provisioner"),
)


def apply(cluster: Cluster) -> None:
    """Applies the manifests; what is there already stays."""
    values = {
        "dns": settings.DNS_SERVICE_IP,
        "busybox": images.busybox_reference(),
        "coredns": images.reference("coredns"),
        "network_policies": images.reference("kube-network-policies"),
        "local_path": images.reference("local-path-provisioner"),
    }
    documents = [
        Template((SOURCE / "manifests" / name).read_text()).substitute(values) for name in MANIFESTS
    ]
    api.kubectl(cluster, "apply", "-f", "-", stdin="\n---\n".join(documents))


def wait_ready(cluster: Cluster) -> None:
    """Returns when every add-on runs."""
    for namespace, workload in WORKLOADS:
        api.kubectl(cluster, "-n", namespace, "rollout", "status", workload, "--timeout=120s")
