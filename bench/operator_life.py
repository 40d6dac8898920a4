"""From apply to mpiexec starting, and what a whole training asks of the API server.

    python bench/operator_life.py [--rounds 5]

Images are on the nodes, two workers go to two nodes.  The times are those of the audit log
and of the launcher's log, whose first line comes right before mpiexec.  The operator's own
share is the time in which everything waits for it: from apply to the workers' Job, and from
the last worker's binding to a node to the launcher's Job.  The rest is Kubernetes starting
pods and rendezvous meeting the workers.  The last round runs to its end and is counted.

Needs the throwaway cluster (`cluster/kube up --audit`) and the operator in it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import operator_common as common
from common import bars, parser, spread
from operator_common import ACCOUNT, kubectl, training, wait_until

NAMESPACE = "bench-operator"
IMAGE = "unet.invalid/training:dev"
SPEC = {
    "training": {
        "epochs": 3,
        "batchSize": 2,
        "patchSize": "32,32,32",
        "precision": "float32",
        "validationFraction": 0.25,
        "extraArgs": ["--steps-per-epoch", "4", "--filters", "8"],
    },
    "workers": {
        "replicas": 2,
        "topologyKey": "kubernetes.io/hostname",
        "resources": {
            "requests": {"cpu": "100m", "memory": "1Gi"},
            "limits": {"cpu": "1", "memory": "2Gi"},
        },
    },
    "evaluation": {"resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "2Gi"}}},
}


def files_pod() -> common.Manifest:
    """A pod that fills the data claim."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "files", "namespace": NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsUser": 65532},
            "containers": [
                {
                    "name": "files",
                    "image": IMAGE,
                    "args": ["phantom", "--output", "/data/Task01_BrainTumour", "--cases", "8"],
                    "volumeMounts": [
                        {"name": "msd", "mountPath": "/data"},
                        {"name": "home", "mountPath": "/home"},
                    ],
                }
            ],
            "volumes": [
                {"name": "msd", "persistentVolumeClaim": {"claimName": "msd"}},
                {"name": "home", "emptyDir": {}},
            ],
        },
    }


def start(name: str) -> dict[str, float]:
    """Applies a training, waits until mpiexec starts; seconds of each part."""
    began = datetime.now(UTC)
    common.create([training(name, NAMESPACE, **SPEC)])
    log = ("-n", NAMESPACE, "logs", f"job/{name}-launcher-1", "-c", "launch", "--timestamps")
    wait_until("mpiexec starts", lambda: "mpirun" in _try(*log), 300)
    first = _try(*log).splitlines()[0].split()[0]
    mpiexec = datetime.fromisoformat(f"{first[:26]}+00:00")
    asked = [r for r in common.requests(began) if r.namespace == NAMESPACE and r.code < 300]

    def created(resource: str, start: str) -> datetime:
        return max(
            r.time
            for r in asked
            if r.verb == "create" and r.resource == resource and r.name.startswith(start)
        )

    apply = created("unettrainings", "")
    workers = created("jobs", f"{name}-worker-1")
    launcher = created("jobs", f"{name}-launcher-1")
    bound = created("pods/binding", f"{name}-worker-1-")
    return {
        "until_mpiexec": (mpiexec - apply).total_seconds(),
        "operator": (workers - apply).total_seconds() + (launcher - bound).total_seconds(),
        "until_workers_job": (workers - apply).total_seconds(),
        "until_workers_have_nodes": (bound - apply).total_seconds(),
        "until_launcher_job": (launcher - apply).total_seconds(),
    }


def _try(*arguments: str) -> str:
    """kubectl's output, empty while there is none to be had."""
    try:
        return kubectl(*arguments)
    except SystemExit:
        return ""


def finish(name: str, began: datetime) -> dict[str, object]:
    """Waits for a training's end; what the operator asked of the API server for it."""
    phase = ("-n", NAMESPACE, "get", "unettraining", name, "-o", "jsonpath={.status.phase}")
    wait_until("it ends", lambda: kubectl(*phase) in ("Succeeded", "Failed"), 600)
    if kubectl(*phase) != "Succeeded":
        raise SystemExit(kubectl("-n", NAMESPACE, "describe", "unettraining", name))
    time.sleep(3)  # its last events
    asked = [r for r in common.requests(began) if r.user == ACCOUNT and r.namespace == NAMESPACE]
    written = Counter(f"{r.verb} {r.resource}" for r in asked if r.writes)
    apart = ("create events", "patch unettrainings/status")
    return {
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "child_writes": sum(n for what, n in written.items() if what not in apart),
        "status_patches_with_progress": written["patch unettrainings/status"],
        "events": written["create events"],
        "writes": dict(written),
        "reads": dict(Counter(f"{r.verb} {r.resource}" for r in asked if not r.writes)),
    }


@dataclass(frozen=True)
class Measured:
    """What was measured: seconds of each part by round, and what one whole life asked for."""

    rounds: list[dict[str, float]]
    life: dict[str, object]

    def seconds(self) -> dict[str, dict[str, float]]:
        """The spread of each part over the rounds."""
        return {part: spread([r[part] for r in self.rounds]) for part in self.rounds[0]}


def measure(args: argparse.Namespace) -> Measured:
    """See the module."""
    rounds = []
    with common.namespace(NAMESPACE, ("msd", "results")):
        common.create([files_pod()])
        _wait("pod/files", "--for=jsonpath={.status.phase}=Succeeded")
        for number in range(args.rounds):
            name, began = f"life-{number}", datetime.now(UTC)
            rounds.append(start(name))
            if number < args.rounds - 1:
                kubectl("-n", NAMESPACE, "delete", "unettraining", name)
                _wait("pod", "-l", f"unet.dev/training={name}", "--for=delete")
        life = finish(name, began)
    return Measured(rounds, life)


def _wait(*what: str) -> None:
    """Waits for an object of the benchmark's namespace."""
    kubectl("-n", NAMESPACE, "wait", "--timeout=180s", *what)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--figure", type=Path, metavar="PNG")
    args = arguments.parse_args()
    common.require_cluster()
    measured = measure(args)
    seconds = measured.seconds()
    print(json.dumps({"rounds": args.rounds, "seconds": seconds, "life": measured.life}, indent=1))
    if args.figure:
        named = {key.replace("_", " "): value for key, value in seconds.items()}
        bars(args.figure, "From apply to mpiexec", "seconds", named)


if __name__ == "__main__":
    main()
