"""Certificates and kubeconfig files of one cluster, made by openssl, kept across `down`."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from . import files, settings
from .settings import Cluster

ADMIN = "admin"
_DAYS = "3650"


def create(cluster: Cluster, nodes: int) -> None:
    """Makes what is missing for a cluster of `nodes` nodes."""
    folder = cluster.pki
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "ca.crt").exists():
        _make_authority(folder)
    if not (folder / "sa.pub").exists():
        _make_key(folder / "sa.key")
        _openssl("pkey", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub")
    server = ["127.0.0.1", settings.CONTROL_PLANE_IP, settings.API_SERVICE_IP, "localhost"]
    service = ("kubernetes", "default", "svc", "cluster", "local")
    server += [".".join(service[: n + 1]) for n in range(len(service))]
    _issue(folder, "apiserver", "/CN=kube-apiserver", *server)
    _issue(folder, "kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    _issue(folder, "front-proxy", "/CN=front-proxy-client")
    _issue(folder, ADMIN, "/O=system:masters/CN=kubernetes-admin")
    for component in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        _issue(folder, component, f"/CN=system:{component}", "127.0.0.1")
    _issue(folder, "kwok", "/O=system:masters/CN=kwok")
    for index in range(nodes):
        name = settings.node_name(index)
        _issue(
            folder, name, f"/O=system:nodes/CN=system:node:{name}", name, settings.node_ip(index)
        )
    files.write_atomic(
        cluster.kubeconfig, kubeconfig(cluster, ADMIN, f"https://127.0.0.1:{cluster.port}"), 0o600
    )


def kubeconfig(cluster: Cluster, user: str, server: str = "") -> str:
    """Returns a kubeconfig for the certificate `user`; by default for use inside the cluster."""

    def inline(name: str) -> str:
        return base64.b64encode((cluster.pki / name).read_bytes()).decode()

    name = cluster.name
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [
                {
                    "name": name,
                    "cluster": {
                        "server": server or f"https://{settings.CONTROL_PLANE_IP}:6443",
                        "certificate-authority-data": inline("ca.crt"),
                    },
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": inline(f"{user}.crt"),
                        "client-key-data": inline(f"{user}.key"),
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        },
        indent=1,
    )


def _make_authority(folder: Path) -> None:
    _make_key(folder / "ca.key")
    _openssl(
        *("req", "-x509", "-new", "-key", folder / "ca.key", "-days", _DAYS),
        *("-subj", "/CN=cluster-ca", "-out", folder / "ca.crt"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
    )


def _make_key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    path.chmod(0o600)


def _issue(folder: Path, name: str, subject: str, *alternatives: str) -> None:
    """Signs a certificate for client and server use, unless there is one."""
    certificate, key, request = (folder / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
    if certificate.exists():
        return
    _make_key(key)
    _openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
    extensions = [
        "keyUsage=critical,digitalSignature,keyEncipherment",
        "extendedKeyUsage=serverAuth,clientAuth",
    ]
    if alternatives:
        kinds = [f"{'IP' if a[0].isdigit() else 'DNS'}:{a}" for a in alternatives]
        extensions.append(f"subjectAltName={','.join(kinds)}")
    options = folder / f"{name}.ext"
    options.write_text("\n".join(extensions))
    _openssl(
        *("x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"),
        *("-CAcreateserial", "-days", _DAYS, "-extfile", options, "-out", certificate),
    )
    request.unlink()
    options.unlink()


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True)
