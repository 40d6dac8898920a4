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
from datetime import UTC, datetime, timedelta
from pathlib import Path

import operator_common as common
from operator_common import (
    ACCOUNT,
    Meter,
    create,
    kubectl,
    listed,
    training,
    trainings_in,
    wait_until,
)

NAMESPACE, FOREIGN = "bench-operator", "bench-foreign"
PODS_PER_NODE = 110
FAKE = {"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}


def measure_memory(args: argparse.Namespace) -> dict:
    """See the module."""
    common.fake_nodes(-(-args.pods // PODS_PER_NODE))
    common.restart()
    with Meter() as idle:
        time.sleep(5)
    found = {"trainings": args.trainings, "foreign_pods": args.pods, "idle": idle.result()}
    with common.namespace(NAMESPACE, ("msd", "results")):
        suspended = [
            training(f"t{index:04d}", NAMESPACE, runPolicy={"suspend": True})
            for index in range(args.trainings)
        ]
        with Meter() as meter:
            create(suspended)
            wait_until(
                "all are suspended", lambda: trainings_in("Suspended") >= args.trainings, 300
            )
        found["trainings_applied"] = meter.result()
        common.restart()
        with Meter() as meter:
            wait_until("all are seen", lambda: trainings_in("Suspended") >= args.trainings, 300)
            time.sleep(args.settle)
        found["restarted_among_them"] = meter.result()
        with common.namespace(FOREIGN):
            with Meter() as meter:
                create([foreign_pod(index) for index in range(args.pods)])
                wait_until("all foreign pods run", lambda: running(FOREIGN) == args.pods, 600)
            found["foreign_pods_come"] = meter.result()
        with Meter() as meter:
            time.sleep(5)
        found["foreign_pods_gone"] = meter.result()
    common.fake_nodes(0)
    return found


def foreign_pod(index: int) -> dict:
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


def measure_burst(args: argparse.Namespace) -> dict:
    """See the module."""
    common.fake_nodes(-(-args.trainings * (args.workers + 2) // PODS_PER_NODE) + 2)
    common.restart()
    wanted = args.trainings * args.workers
    with common.namespace(NAMESPACE, ("msd", "results")):
        wait_until("the claims are bound", claims_bound, 120)
        burst = [
            training(
                f"t{index:03d}",
                NAMESPACE,
                workers={
                    "replicas": args.workers,
                    "nodeSelector": {"type": "kwok"},
                    "tolerations": [FAKE],
                    "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}},
                },
                evaluation={"enabled": False},
                # They stay to be counted.
                runPolicy={"cleanPodPolicy": "None"},
            )
            for index in range(args.trainings)
        ]
        began = datetime.now(UTC)
        with Meter() as until_pods:
            create(burst)
            wait_until("all worker pods exist", lambda: len(workers()) >= wanted, 600)
            pods = sorted(workers())[:wanted]
        with Meter() as until_end:
            wait_until("all have ended", lambda: trainings_in("Succeeded") >= args.trainings, 600)
        asked = [r for r in common.requests(began) if r.namespace == NAMESPACE and r.code < 300]
    common.fake_nodes(0)
    first = min(r.time for r in asked if r.resource == "unettrainings" and r.verb == "create")
    jobs = [
        r.time
        for r in asked
        if r.user == ACCOUNT
        and r.resource == "jobs"
        and r.verb == "create"
        and "-worker-" in r.name
    ]
    ours = [r for r in asked if r.user == ACCOUNT]
    return {
        "trainings": args.trainings,
        "workers_each": args.workers,
        "seconds_until_worker_jobs": seconds(max(sorted(jobs)[: args.trainings]) - first),
        "seconds_until_worker_pods": seconds(pods[-1] - first),
        "until_pods": until_pods.result(),
        "until_all_succeeded": until_end.result(),
        "operator_requests_a_training": round(len(ours) / args.trainings, 1),
        "pods_after_seconds": {
            str(share): seconds(pods[int(share * wanted / 100) - 1] - first)
            for share in (25, 50, 75, 100)
        },
    }


def workers() -> list[datetime]:
    """When each worker pod was created."""
    found = listed("Pod", NAMESPACE, "labelSelector=unet.dev/role=worker,unet.dev/attempt=1")
    return [datetime.fromisoformat(m["creationTimestamp"].replace("Z", "+00:00")) for m in found]


def claims_bound() -> bool:
    phases = kubectl("-n", NAMESPACE, "get", "pvc", "-o", "jsonpath={.items[*].status.phase}")
    return phases.split() == ["Bound", "Bound"]


def seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_subparsers(dest="mode", required=True)
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
    burst = modes.add_parser("burst", help="many trainings applied at once")
    burst.add_argument("--trainings", type=int, default=100)
    burst.add_argument("--workers", type=int, default=4)
    for mode in (memory, burst):
        mode.add_argument("--figure", type=Path, metavar="PNG")
    args = parser.parse_args()
    common.require_cluster()
    result = measure_memory(args) if args.mode == "memory" else measure_burst(args)
    print(json.dumps(result, indent=1))
    if args.figure:
        draw(args.figure, result)


def draw(file: Path, result: dict) -> None:
    """Bars: memory by situation, or seconds by share of pods."""
    from common import bars

    if "idle" in result:
        stages = {k: v["peak_mib"] for k, v in result.items() if isinstance(v, dict)}
        title, unit = f"{result['trainings']} trainings", "resident memory at most, MiB"
    else:
        stages = {f"{k} % of pods": v for k, v in result["pods_after_seconds"].items()}
        title, unit = f"{result['trainings']} trainings at once", "seconds after the first apply"
    values = {k.replace("_", " "): {"min": v, "median": v, "max": v} for k, v in stages.items()}
    bars(file, title, unit, values)


if __name__ == "__main__":
    main()
