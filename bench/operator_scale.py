"""The operator under load, on nodes that only pretend (kwok).

    python bench/operator_scale.py memory   1,000 trainings, then 5,000 pods of others
    python bench/operator_scale.py burst    100 trainings of 4 workers at once

`memory` is the operator's resident memory: idle, with suspended trainings, after a restart
among them, and while pods that are none of its business come and go.  `burst` is the time
from the first training's creation to the last worker Job's (by the audit log), which is the
operator's part, and to the last worker pod's (its creationTimestamp, in whole seconds),
which is the Job controller's, and what the operator spends.

Needs the throwaway cluster (`cluster/kube up --audit`) and the operator in it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mpi_operator
import operator_common as common
from common import bars, parser
from kubelib.audit import Request
from operator_common import (
    ACCOUNT,
    Meter,
    create,
    creation_times,
    kubectl,
    listed,
    training,
    trainings_in,
    wait_until,
)

NAMESPACE, FOREIGN = "bench-operator", "bench-foreign"
PODS_PER_NODE = 110
FAKE = {"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}
ON_FAKE_NODES = {
    "nodeSelector": {"type": "kwok"},
    "tolerations": [FAKE],
    "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}},
}

Spent = dict[str, float]
"""What a `Meter` says: memory in MiB, CPU seconds."""


def measure_memory(args: argparse.Namespace) -> dict[str, Spent]:
    """What the operator used in each situation, see the module."""
    common.fake_nodes(-(-args.pods // PODS_PER_NODE))
    common.restart()
    with Meter() as idle:
        time.sleep(5)
    spent = {"idle": idle.result()}
    with common.namespace(NAMESPACE, ("msd", "results")):
        spent["trainings_applied"] = apply_suspended(args.trainings)
        common.restart()
        with Meter() as meter:
            wait_until("all are seen", lambda: trainings_in("Suspended") >= args.trainings, 300)
            time.sleep(args.settle)
        spent["restarted_among_them"] = meter.result()
        with common.namespace(FOREIGN):
            with Meter() as meter:
                create([foreign_pod(index) for index in range(args.pods)])
                wait_until("all foreign pods run", lambda: running(FOREIGN) == args.pods, 600)
            spent["foreign_pods_come"] = meter.result()
        with Meter() as meter:
            time.sleep(5)
        spent["foreign_pods_gone"] = meter.result()
    common.fake_nodes(0)
    return spent


def apply_suspended(count: int) -> Spent:
    """Applies suspended trainings and waits until the operator has seen them all."""
    suspended = [
        training(f"t{index:04d}", NAMESPACE, runPolicy={"suspend": True}) for index in range(count)
    ]
    with Meter() as meter:
        create(suspended)
        wait_until("all are suspended", lambda: trainings_in("Suspended") >= count, 300)
    return meter.result()


def foreign_pod(index: int) -> common.Manifest:
    """A pod of somebody else's on a fake node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{index:05d}", "namespace": FOREIGN, "labels": {"app": "foreign"}},
        "spec": {
            "nodeName": f"kwok-{index // PODS_PER_NODE}",
            "tolerations": [FAKE],
            "containers": [{"name": "main", "image": "nobody/cares:1"}],
        },
    }


def running(where: str) -> int:
    """How many pods of a namespace run."""
    return len(listed("Pod", where, "fieldSelector=status.phase=Running"))


@dataclass(frozen=True)
class Burst:
    """What came of many trainings at once.

    Attributes:
        requests: those in the trainings' namespace that succeeded.
        pods: when each worker pod was created, the first first.
        until_pods: what the operator used until all of them existed.
        until_end: what it used from there until all trainings had ended, or time was up.
        missing: what had not ended then, by phase; empty if all had.
    """

    requests: list[Request]
    pods: list[datetime]
    until_pods: Spent
    until_end: Spent
    missing: dict[str, int]


ENDED = frozenset({"Succeeded", "Failed"})


def end_of(count: int, seconds: float) -> dict[str, int]:
    """Waits until so many trainings have ended; returns those that have not, by phase.

    Pods that pretend may never end as a kubelet's do: what then is missing is a result, too.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = common.phases()
        if sum(found.get(phase, 0) for phase in ENDED) >= count:
            return {}
        if time.monotonic() > deadline:
            left = {phase: number for phase, number in found.items() if phase not in ENDED}
            unseen = count - sum(found.values())
            return left | ({"seen by nobody": unseen} if unseen > 0 else {})
        time.sleep(1)


def small_training(index: int, workers: int) -> common.Manifest:
    """A training on fake nodes, whose pods stay to be counted."""
    return training(
        f"t{index:03d}",
        NAMESPACE,
        workers={"replicas": workers, **ON_FAKE_NODES},
        evaluation={"enabled": False},
        runPolicy={"cleanPodPolicy": "None"},
    )


def fake_nodes_for(args: argparse.Namespace) -> None:
    """Nodes with room for the pods of all trainings, and two more."""
    common.fake_nodes(-(-args.trainings * (args.workers + 2) // PODS_PER_NODE) + 2)


def burst(args: argparse.Namespace) -> Burst:
    """Applies the trainings and waits until all have ended, within bounds."""
    fake_nodes_for(args)
    common.restart()
    wanted = args.trainings * args.workers
    with common.namespace(NAMESPACE, ("msd", "results")):
        wait_until("the claims are bound", claims_bound, 120)
        applied = [small_training(index, args.workers) for index in range(args.trainings)]
        began = datetime.now(UTC)
        with Meter() as until_pods:
            create(applied)
            wait_until("all worker pods exist", lambda: len(workers()) >= wanted, 600)
            pods = workers()[:wanted]
        with Meter() as until_end:
            missing = end_of(args.trainings, args.patience)
        asked = [r for r in common.requests(began) if r.namespace == NAMESPACE and r.code < 300]
    common.fake_nodes(0)
    return Burst(asked, pods, until_pods.result(), until_end.result(), missing)


def mpi_operator_burst(args: argparse.Namespace) -> dict[str, object]:
    """The same burst as MPIJobs of Kubeflow's operator."""
    fake_nodes_for(args)
    answer = mpi_operator.burst(args.mpi_operator, args.trainings, args.workers, ON_FAKE_NODES)
    common.fake_nodes(0)
    return answer


def pods_after(found: Burst) -> dict[str, float]:
    """Seconds from the first apply until a share of the worker pods existed, by per cent."""
    first, wanted = first_apply(found), len(found.pods)
    return {
        str(share): seconds(found.pods[int(share * wanted / 100) - 1] - first)
        for share in (25, 50, 75, 100)
    }


def first_apply(found: Burst) -> datetime:
    """When the first training was created."""
    created = (r for r in found.requests if r.verb == "create")
    return min(r.time for r in created if r.resource == "unettrainings")


def burst_result(args: argparse.Namespace, found: Burst) -> dict[str, object]:
    """The figures of a burst."""
    first = first_apply(found)
    ours = [r for r in found.requests if r.user == ACCOUNT]
    created = (r for r in ours if r.verb == "create" and r.resource == "jobs")
    jobs = [r.time for r in created if "-worker-" in r.name]
    return {
        "trainings": args.trainings,
        "workers_each": args.workers,
        "seconds_until_worker_jobs": seconds(max(sorted(jobs)[: args.trainings]) - first),
        "seconds_until_worker_pods": seconds(found.pods[-1] - first),
        "until_pods": found.until_pods,
        "until_all_ended": found.until_end,
        "not_ended": found.missing or "none",
        "operator_requests_a_training": round(len(ours) / args.trainings, 1),
        "pods_after_seconds": pods_after(found),
    }


def workers() -> list[datetime]:
    """When each worker pod was created."""
    return creation_times("Pod", NAMESPACE, "labelSelector=unet.dev/role=worker,unet.dev/attempt=1")


def claims_bound() -> bool:
    phases = kubectl("-n", NAMESPACE, "get", "pvc", "-o", "jsonpath={.items[*].status.phase}")
    return phases.split() == ["Bound", "Bound"]


def seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 2)


def read_arguments() -> argparse.Namespace:
    arguments = parser(__doc__)
    modes = arguments.add_subparsers(dest="mode", required=True)
    memory = modes.add_parser("memory", help="resident memory with many trainings and pods")
    memory.add_argument("--trainings", type=int, default=1000)
    memory.add_argument("--pods", type=int, default=5000, help="of others")
    memory.add_argument(
        "--settle",
        type=float,
        default=320.0,
        metavar="SECONDS",
        help="to watch after the restart; a resync is after 300",
    )
    at_once = modes.add_parser("burst", help="many trainings applied at once")
    at_once.add_argument("--trainings", type=int, default=100)
    at_once.add_argument("--workers", type=int, default=4)
    at_once.add_argument(
        "--patience",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="to wait for their end; then what has not ended is told",
    )
    at_once.add_argument(
        "--mpi-operator", type=Path, metavar="DIR", help="its folder: do the same with it"
    )
    for mode in (memory, at_once):
        mode.add_argument("--figure", type=Path, metavar="PNG")
    return arguments.parse_args()


def main() -> None:
    args = read_arguments()
    common.require_cluster()
    if args.mode == "memory":
        spent = measure_memory(args)
        print(
            json.dumps({"trainings": args.trainings, "foreign_pods": args.pods} | spent, indent=1)
        )
        figures = {situation: used["peak_mib"] for situation, used in spent.items()}
        title, unit = f"{args.trainings} trainings", "resident memory at most, MiB"
    else:
        found = burst(args)
        result = burst_result(args, found)
        if args.mpi_operator:
            result["mpi_operator"] = mpi_operator_burst(args)
        print(json.dumps(result, indent=1))
        figures = {f"{share} % of pods": after for share, after in pods_after(found).items()}
        title, unit = f"{args.trainings} trainings at once", "seconds after the first apply"
    if args.figure:
        draw(args.figure, title, unit, figures)


def draw(file: Path, title: str, unit: str, values: Mapping[str, float]) -> None:
    """Bars of single measurements, without a spread."""
    named = {name.replace("_", " "): value for name, value in values.items()}
    bars(file, title, unit, {n: {"min": v, "median": v, "max": v} for n, v in named.items()})


if __name__ == "__main__":
    main()
