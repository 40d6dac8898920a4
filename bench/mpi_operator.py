"""Kubeflow's mpi-operator in the throwaway cluster, beside ours: a burst of MPIJobs.

    cp -r "$(go env GOMODCACHE)/github.com/kubeflow/mpi-operator@v0.8.2" DIR && chmod -R u+w DIR
    (cd DIR && CGO_ENABLED=0 go build ./cmd/mpi-operator)
    python bench/operator_scale.py burst --mpi-operator DIR

It runs as a process of this machine with its own defaults, for one namespace, where ours runs in
a pod; its pods go to the same nodes that only pretend, and ask for the same.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import operator_common as common
import psutil
from operator_common import Manifest, Meter, create, creation_times, kubectl, wait_until

NAMESPACE = "bench-mpi-operator"
DEFINITION = "manifests/base/kubeflow.org_mpijobs.yaml"
WORKERS = "labelSelector=training.kubeflow.org/job-role=worker"


def job(index: int, workers: int, pod: Manifest) -> Manifest:
    """An MPIJob whose pods are as ours are."""
    names = {"launcher": ["mpirun", "true"], "worker": ["/usr/sbin/sshd", "-De"]}

    def template(role: str) -> Manifest:
        container = {"name": role, "image": "nobody/cares:1", "command": names[role]}
        container |= {"resources": pod["resources"]}
        placed = {key: pod[key] for key in ("nodeSelector", "tolerations")}
        return {"spec": {"containers": [container], **placed}}

    return {
        "apiVersion": "kubeflow.org/v2beta1",
        "kind": "MPIJob",
        "metadata": {"name": f"m{index:03d}", "namespace": NAMESPACE},
        "spec": {
            "slotsPerWorker": 1,
            "runPolicy": {"cleanPodPolicy": "None"},
            "mpiReplicaSpecs": {
                "Launcher": {"replicas": 1, "template": template("launcher")},
                "Worker": {"replicas": workers, "template": template("worker")},
            },
        },
    }


@contextmanager
def running(folder: Path) -> Iterator[psutil.Process]:
    """Its process, once it leads; its definition goes with it."""
    kubectl("apply", "--server-side", "-f", str(folder / DEFINITION))
    kubectl("wait", "--for=condition=Established", "crd/mpijobs.kubeflow.org", "--timeout=60s")
    command = [str(folder / "mpi-operator"), f"-kubeConfig={common.STATE / 'kubeconfig'}"]
    command += [f"-namespace={NAMESPACE}", f"-lock-namespace={NAMESPACE}"]
    # It says a line of every change; why it ended, its code and a run by hand tell.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("mpi-operator leads", lambda: _leads(process), 90)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)
        kubectl("delete", "crd", "mpijobs.kubeflow.org", "--timeout=120s")


def _leads(process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise SystemExit(f"mpi-operator ended with code {process.returncode}")
    holder = "jsonpath={.items[*].spec.holderIdentity}"
    return bool(kubectl("-n", NAMESPACE, "get", "leases", "-o", holder).strip())


def burst(folder: Path, count: int, workers: int, pod: Manifest) -> dict[str, object]:
    """Applies the MPIJobs at once and waits for their worker pods.

    Args:
        folder: DIR of the module's first lines.
        pod: nodeSelector, tolerations and resources of every pod.
    """
    wanted = count * workers
    with common.namespace(NAMESPACE), running(folder) as process:

        def read() -> tuple[float, float]:
            return process.memory_info().rss, sum(process.cpu_times()[:2])

        with Meter(read) as meter:
            began = datetime.now(UTC)
            create([job(index, workers, pod) for index in range(count)])
            applied = datetime.now(UTC)
            wait_until("all worker pods exist", lambda: len(_pods()) >= wanted, 600)
            time.sleep(5)
        pods, spent = _pods()[:wanted], meter.result()
    return {
        "seconds_of_applying": round((applied - began).total_seconds(), 2),
        "seconds_until_worker_pods": round((pods[-1] - began).total_seconds(), 2),
        "peak_mib": spent["peak_mib"],
        "cpu_seconds": spent["cpu_seconds"],
    }


def _pods() -> list[datetime]:
    return creation_times("Pod", NAMESPACE, WORKERS)
