"""What the operator's benchmarks share: the API, its own metrics, the audit log."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml
from common import ROOT
from kubelib import audit

Manifest = dict[str, Any]
"""A Kubernetes object as it is sent; the API server checks it."""
STATE = ROOT / ".cluster"
SYSTEM, RELEASE = "unet-system", "unet-operator"
ACCOUNT = f"system:serviceaccount:{SYSTEM}:{RELEASE}"
AT_ONCE = 8
"""Connections that create in parallel."""
COLLECTIONS = {
    "UNetTraining": "/apis/unet.dev/v1alpha1/namespaces/{}/unettrainings",
    "MPIJob": "/apis/kubeflow.org/v2beta1/namespaces/{}/mpijobs",
    "Pod": "/api/v1/namespaces/{}/pods",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
}


class _Local(threading.local):
    """What every thread has for itself."""

    connection: http.client.HTTPSConnection | None = None


_local = _Local()


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Runs kubectl against the throwaway cluster; ends the benchmark when it fails."""
    command = [str(STATE / "bin/kubectl"), f"--kubeconfig={STATE / 'kubeconfig'}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def require_cluster() -> None:
    """Ends the benchmark with what to do when something that it needs is not there."""
    if not (STATE / "run/audit").exists():
        raise SystemExit("no cluster with an audit log: run `cluster/kube up --audit`")
    if not kubectl("-n", SYSTEM, "get", "deployment", RELEASE, "--ignore-not-found"):
        raise SystemExit("no operator in the cluster: run `make demo` once")


def requests(since: datetime) -> list[audit.Request]:
    """Every request to the API server since a moment."""
    return audit.read(STATE / "log/audit.log", since)


def _connect() -> http.client.HTTPSConnection:
    """A connection to the API server as administrator; it opens with the first request."""
    pki = STATE / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    known = yaml.safe_load((STATE / "kubeconfig").read_text())["clusters"][0]["cluster"]
    server = urllib.parse.urlsplit(known["server"])
    return http.client.HTTPSConnection(server.hostname, server.port, context=context)


def ask(method: str, path: str, body: Manifest | None = None, *, accept: str = "*/*") -> bytes:
    """One request over this thread's own connection: starting kubectl costs more than it asks.

    Raises:
        SystemExit: the API server refused; with its words.
    """
    if _local.connection is None:
        _local.connection = _connect()
    connection = _local.connection
    sent = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json", "Accept": accept}

    def answer() -> http.client.HTTPResponse:
        connection.request(method, path, sent, headers)
        return connection.getresponse()

    try:
        response = answer()
    except http.client.RemoteDisconnected:  # it has lain idle for too long
        connection.close()  # the next request opens it again
        response = answer()
    content = response.read()
    if response.status >= 300:
        raise SystemExit(f"{method} {path}: {content[:500].decode()}")
    return content


def create(objects: Sequence[Manifest]) -> None:
    """Creates objects, some at once."""

    def one(item: Manifest) -> None:
        ask("POST", COLLECTIONS[item["kind"]].format(item["metadata"]["namespace"]), item)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, objects))


@contextmanager
def namespace(name: str, claims: Iterable[str] = ()) -> Iterator[None]:
    """A namespace with shared claims, empty at the start and gone at the end."""
    kubectl("delete", "namespace", name, "--ignore-not-found")
    kubectl("create", "namespace", name)
    create([claim(item, name) for item in claims])
    try:
        yield
    finally:
        kubectl("delete", "namespace", name)


def claim(name: str, where: str) -> Manifest:
    """A claim that several nodes can write."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": where},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "shared",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def training(name: str, where: str, **spec: object) -> Manifest:
    """A training; `spec` adds to or replaces what every one needs."""
    return {
        "apiVersion": "unet.dev/v1alpha1",
        "kind": "UNetTraining",
        "metadata": {"name": name, "namespace": where},
        "spec": {
            "dataset": {
                "task": "Task01_BrainTumour",
                "volume": {"claimName": "msd"},
                "channels": ["FLAIR"],
                "region": "whole-tumour",
            },
            "output": {"claimName": "results"},
            **spec,
        },
    }


def operator_pod() -> str:
    """The name of the operator's pod."""
    pods = listed("Pod", SYSTEM, f"labelSelector=app.kubernetes.io/instance={RELEASE}")
    return str(pods[0]["name"])


def restart() -> None:
    """Replaces the operator's pod and waits for the new one."""
    kubectl("-n", SYSTEM, "rollout", "restart", f"deployment/{RELEASE}")
    kubectl("-n", SYSTEM, "rollout", "status", f"deployment/{RELEASE}", "--timeout=180s")
    selector = f"app.kubernetes.io/instance={RELEASE}"
    kubectl("-n", SYSTEM, "wait", "pod", "-l", selector, "--for=jsonpath={.status.phase}=Running")
    while len(kubectl("-n", SYSTEM, "get", "pods", "-l", selector, "-o", "name").split()) > 1:
        time.sleep(0.5)


def listed(kind: str, where: str, query: str) -> list[Manifest]:
    """The metadata of the objects of a kind in a namespace that a query selects."""
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    path = f"{COLLECTIONS[kind].format(where)}?{query}"
    return [item["metadata"] for item in json.loads(ask("GET", path, accept=accept))["items"]]


def creation_times(kind: str, where: str, query: str) -> list[datetime]:
    """When the objects that a query selects were created, in whole seconds, the first first."""
    found = listed(kind, where, query)
    return sorted(datetime.fromisoformat(m["creationTimestamp"]) for m in found)


def metrics(pod: str) -> dict[str, float]:
    """What an operator's pod says of itself at /metrics, by series."""
    path = f"/api/v1/namespaces/{SYSTEM}/pods/{pod}:8080/proxy/metrics"
    lines = ask("GET", path).decode().splitlines()
    pairs = (re.fullmatch(r"([^#].*) ([0-9.e+-]+|NaN)", line) for line in lines)
    return {pair[1]: float(pair[2]) for pair in pairs if pair}


def trainings_in(phase: str) -> int:
    """How many trainings the operator counts in a phase."""
    return int(metrics(operator_pod()).get(f'unet_trainings{{phase="{phase}"}}', 0))


def phases() -> dict[str, int]:
    """How many trainings the operator counts in every phase that it has any in."""
    pairs = (
        (re.fullmatch(r'unet_trainings\{phase="(\w+)"\}', series), value)
        for series, value in metrics(operator_pod()).items()
    )
    return {found[1]: int(value) for found, value in pairs if found and value}


def our_operator() -> Callable[[], tuple[float, float]]:
    """Reads the resident bytes and CPU seconds of the operator's present pod."""
    pod = operator_pod()

    def read() -> tuple[float, float]:
        found = metrics(pod)
        return found["process_resident_memory_bytes"], found["process_cpu_seconds_total"]

    return read


@dataclass
class Meter:
    """Samples a process's memory and CPU time once a second while the block runs.

    Args:
        read: its resident bytes and CPU seconds; those of our operator by default.
    """

    read: Callable[[], tuple[float, float]] = field(default_factory=our_operator)
    rss: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def __enter__(self) -> Meter:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _run(self) -> None:
        while not self._stop.wait(1):
            self._sample()

    def _sample(self) -> None:
        rss, cpu = self.read()
        self.rss.append(rss)
        self.cpu.append(cpu)

    def result(self) -> dict[str, float]:
        """Memory at its peak and at the end, in MiB; CPU seconds spent."""
        return {
            "peak_mib": round(max(self.rss) / 2**20, 1),
            "last_mib": round(self.rss[-1] / 2**20, 1),
            "cpu_seconds": round(self.cpu[-1] - self.cpu[0], 2),
        }


def wait_until(what: str, condition: Callable[[], object], seconds: float) -> float:
    """Waits for `condition()`; returns the seconds that it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"not after {seconds:.0f} s: {what}")
        time.sleep(0.5)
    return time.monotonic() - began


def fake_nodes(count: int) -> None:
    """Has the cluster pretend to so many nodes more."""
    subprocess.run(
        [ROOT / "cluster/kube", "fake-nodes", str(count)],
        check=True,
        stdout=sys.stderr,
        env=os.environ,
    )
