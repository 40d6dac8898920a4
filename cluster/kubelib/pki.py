"""Certificates and kubeconfig files of one cluster, made by openssl, kept across `down`."""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import files, settings
from .settings import Cluster

ADMIN = "admin"
AUTHORITY = "ca"
_DAYS = "3650"
_REST_SECONDS = 7 * 24 * 3600
"""A certificate that is valid for less than a week more is renewed."""


@dataclass(frozen=True)
class Certificate:
    """What one certificate is to say.

    Args:
        name: of its files, without ending.
        subject: for whom, as openssl writes it in a request: ``/O=…/CN=…``.
        alternatives: host names and IP addresses that it is valid for.
    """

    name: str
    subject: str
    alternatives: tuple[str, ...] = ()


def certificates(nodes: int) -> list[Certificate]:
    """Every certificate of a cluster of `nodes` nodes, the authority's apart."""
    service = ("kubernetes", "default", "svc", "cluster", "local")
    names = [".".join(service[: n + 1]) for n in range(len(service))]
    server = ("127.0.0.1", settings.CONTROL_PLANE_IP, settings.API_SERVICE_IP, "localhost", *names)
    masters = "/O=system:masters/CN="
    return [
        Certificate("apiserver", "/CN=kube-apiserver", server),
        Certificate("kubelet-client", f"{masters}kube-apiserver-kubelet-client"),
        Certificate("front-proxy", "/CN=front-proxy-client"),
        Certificate(ADMIN, f"{masters}kubernetes-admin"),
        *(
            Certificate(component, f"/CN=system:{component}", ("127.0.0.1",))
            for component in ("kube-controller-manager", "kube-scheduler", "kube-proxy")
        ),
        Certificate("kwok", f"{masters}kwok"),
        *(
            Certificate(
                settings.node_name(index),
                f"/O=system:nodes/CN=system:node:{settings.node_name(index)}",
                (settings.node_name(index), settings.node_ip(index)),
            )
            for index in range(nodes)
        ),
    ]


def create(cluster: Cluster, nodes: int) -> None:
    """Makes what a cluster of `nodes` nodes lacks, or holds but cannot use.

    Files are kept across `down`.  Each is made beside its place and moved there whole, and
    looked at before it is used again: a run that was killed in the middle, a full disk, a
    changed address or the years may have spoilt it.
    """
    folder = cluster.pki
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in folder.glob(".*"):  # unfinished, of a run that was killed
        files.remove(left)
    if not _is_valid_pair(folder, AUTHORITY) or not _signed(folder, [AUTHORITY]):
        _make_authority(folder)
    if not _is_valid_key_pair(folder):
        _make_key_pair(folder)
    wanted = certificates(nodes)
    signed = _signed(folder, [each.name for each in wanted])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [pool.submit(_renew, folder, each, trusted=each.name in signed) for each in wanted]
        for task in tasks:
            task.result()
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


def _renew(folder: Path, wanted: Certificate, *, trusted: bool) -> None:
    """Issues `wanted` unless the files there are good for it."""
    if not (trusted and _is_valid_pair(folder, wanted.name) and _says(folder, wanted)):
        _issue(folder, wanted)


def _is_valid_pair(folder: Path, name: str) -> bool:
    """Whether certificate and key can be read and belong together."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        return False
    return True


def _signed(folder: Path, names: list[str]) -> set[str]:
    """Those of `names` whose certificate is signed by the authority, and will be valid then."""
    there = [folder / f"{name}.crt" for name in names if (folder / f"{name}.crt").is_file()]
    if not there:
        return set()
    then = str(int(time.time()) + _REST_SECONDS)
    done = subprocess.run(
        ["openssl", "verify", "-attime", then, "-CAfile", folder / f"{AUTHORITY}.crt", *there],
        capture_output=True,
        text=True,
        check=False,
    )
    good = set(done.stdout.splitlines())
    return {path.stem for path in there if f"{path}: OK" in good}


def _says(folder: Path, wanted: Certificate) -> bool:
    """Whether the certificate is for this subject and at least these names and addresses."""
    shown = _asks(
        *("x509", "-in", folder / f"{wanted.name}.crt", "-noout", "-subject", "-nameopt"),
        *("compat", "-ext", "subjectAltName"),
    )
    if shown is None:
        return False
    subject, *rest = shown.splitlines()
    found = {entry.strip() for line in rest for entry in line.split(",")}
    asked = {f"IP Address:{a}" if a[0].isdigit() else f"DNS:{a}" for a in wanted.alternatives}
    return subject == f"subject={wanted.subject}" and asked <= found


def _is_valid_key_pair(folder: Path) -> bool:
    """Whether the key of service accounts can be read and its public half is its own."""
    public = _asks("pkey", "-in", folder / "sa.key", "-pubout")
    try:
        return public is not None and public == (folder / "sa.pub").read_text()
    except (OSError, ValueError):
        return False


def _make_key_pair(folder: Path) -> None:
    with _workshop(folder) as shop:
        _make_key(shop / "sa.key")
        _openssl("pkey", "-in", shop / "sa.key", "-pubout", "-out", shop / "sa.pub")
        _hand_over(shop, folder, "sa.key", "sa.pub")


def _make_authority(folder: Path) -> None:
    with _workshop(folder) as shop:
        _make_key(shop / f"{AUTHORITY}.key")
        _openssl(
            *("req", "-x509", "-new", "-key", shop / f"{AUTHORITY}.key", "-days", _DAYS),
            *("-subj", "/CN=cluster-ca", "-out", shop / f"{AUTHORITY}.crt"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"),
        )
        _hand_over(shop, folder, f"{AUTHORITY}.key", f"{AUTHORITY}.crt")


def _make_key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def _issue(folder: Path, wanted: Certificate) -> None:
    """Signs a certificate for client and server use."""
    extensions = [
        "keyUsage=critical,digitalSignature,keyEncipherment",
        "extendedKeyUsage=serverAuth,clientAuth",
    ]
    if wanted.alternatives:
        kinds = [f"{'IP' if a[0].isdigit() else 'DNS'}:{a}" for a in wanted.alternatives]
        extensions.append(f"subjectAltName={','.join(kinds)}")
    with _workshop(folder) as shop:
        certificate, key = shop / f"{wanted.name}.crt", shop / f"{wanted.name}.key"
        request, options = shop / "request", shop / "extensions"
        _make_key(key)
        _openssl("req", "-new", "-key", key, "-subj", wanted.subject, "-out", request)
        options.write_text("\n".join(extensions))
        _openssl(
            *("x509", "-req", "-in", request, "-CA", folder / f"{AUTHORITY}.crt"),
            *("-CAkey", folder / f"{AUTHORITY}.key", "-set_serial", f"0x{secrets.token_hex(16)}"),
            *("-days", _DAYS, "-extfile", options, "-out", certificate),
        )
        _hand_over(shop, folder, key.name, certificate.name)


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A folder for what is being made; what is left in it after a kill is never looked at."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as path:
        yield Path(path)


def _hand_over(shop: Path, folder: Path, *names: str) -> None:
    """Puts finished files in their place; of half of them the next look says so."""
    for name in names:
        mode = 0o600 if name.endswith(".key") else 0o644
        files.write_atomic(folder / name, (shop / name).read_bytes(), mode)


def _asks(*arguments: str | Path) -> str | None:
    """What openssl answers; None when it refuses."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return None if done.returncode else done.stdout


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True)
