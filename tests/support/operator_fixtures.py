"""The operator under test, and trainings whose every version is recorded.

Fixtures: `operator` installs the chart once, `trainings` makes one namespace with a phantom
data set for all tests of the session.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from kubelib import audit

from support.cluster_fixtures import CHECKOUT, Kubectl, claim, restricted_pod, throwaway_name

CHART = CHECKOUT / "charts" / "unet-operator"
RELEASE, SYSTEM = "unet-operator", "unet-system"
IMAGE = "unet.invalid/training:dev"
ACCOUNT = f"system:serviceaccount:{SYSTEM}:{RELEASE}"
TASK = "Task01_BrainTumour"
TRAININGS = "/apis/unet.dev/v1alpha1/namespaces/{}/unettrainings"
MARK = "podAnnotations.started"
"""The value by which a release is known to be the tests'."""
PROGRESS = ("training", "dice", "workers", "message")
"""Fields of the status that change all the time while everything goes well."""


def helm(kubectl: Kubectl, *arguments: str) -> str:
    """Runs helm against the cluster of `kubectl` and returns its output."""
    own = CHECKOUT / ".cluster" / "bin" / "helm"
    program = str(own) if own.exists() else shutil.which("helm")
    assert program, "no helm: run `make cluster-build`, or put helm on the PATH"
    options = [f"--kubeconfig={kubectl.kubeconfig}"] if kubectl.kubeconfig else []
    done = subprocess.run(
        [program, *options, "--namespace", SYSTEM, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def install(kubectl: Kubectl) -> None:
    """Installs the chart as it is, or brings what the tests installed up to it.

    In a cluster that is not the throwaway one, an operator that is there already is somebody's:
    the tests fail rather than take it over.
    """
    # In the throwaway cluster the CRD may have been applied by hand before.
    over = ["--take-ownership", "--force-conflicts"] if throwaway_name(kubectl) else []
    if not over and (theirs := installed_by_others(kubectl)):
        pytest.fail(f"{theirs}: is in this cluster and not the tests'; name another in CLUSTER")
    helm(
        kubectl,
        *("upgrade", "--install", RELEASE, str(CHART), "--create-namespace", *over),
        # An image loaded anew under its old name takes effect.
        *("--set-string", f"{MARK}={datetime.now(UTC).isoformat()}"),
        *("--wait", "--timeout", "3m"),
    )


def installed_by_others(kubectl: Kubectl) -> str:
    """An operator that these tests did not install; empty when there is none."""
    for release in json.loads(helm(kubectl, "list", "--all-namespaces", "-o", "json")):
        name, namespace = release["name"], release["namespace"]
        if release["chart"].startswith("unet-operator-"):
            values = ("get", "values", name, "-o", "json", "--namespace", namespace)
            annotations = (json.loads(helm(kubectl, *values)) or {}).get("podAnnotations") or {}
            if (name, namespace) != (RELEASE, SYSTEM) or MARK.split(".")[1] not in annotations:
                return f"release {name} in {namespace}"
    return ""


@dataclass
class RecordedTraining:
    """A training and, by a watch from before it was applied, every status it ever had."""

    kubectl: Kubectl
    name: str

    def __post_init__(self) -> None:
        self.applied = datetime.now(UTC)
        self.statuses: list[dict] = []
        self.uid = ""
        self._next = 0
        self._news = threading.Condition()
        path = TRAININGS.format(self.kubectl.namespace)
        start = json.loads(self.kubectl("get", "--raw", path))["metadata"]["resourceVersion"]
        only = f"fieldSelector=metadata.name={self.name}&resourceVersion={start}"
        self._watch = self._popen("get", "--raw", f"{path}?watch=1&{only}")
        threading.Thread(target=self._read, daemon=True).start()

    def _popen(self, *arguments: str) -> subprocess.Popen[str]:
        options = [f"--kubeconfig={self.kubectl.kubeconfig}"] if self.kubectl.kubeconfig else []
        options.append(f"--namespace={self.kubectl.namespace}")
        return subprocess.Popen(
            [self.kubectl.program, *options, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _read(self) -> None:
        for line in self._watch.stdout:
            event = json.loads(line)
            with self._news:
                self.uid = event["object"]["metadata"]["uid"]
                if event["type"] != "DELETED":
                    self.statuses.append(event["object"].get("status", {}))
                self._news.notify_all()

    @property
    def folder(self) -> str:
        """The run folder, as a pod with the output claim sees it."""
        return f"/output/{self.name}-{self.uid[:8]}"

    def close(self) -> None:
        """Ends the watch."""
        self._watch.kill()
        self._watch.wait()

    def until(self, what: str, condition: Callable[[dict], object], seconds: float = 240) -> dict:
        """Returns the first status that meets `condition`, none that came before the last one
        returned; fails with what is going on when there is none in time."""

        def looked_through() -> bool:
            while self._next < len(self.statuses) and not condition(self.statuses[self._next]):
                if self.statuses[self._next].get("phase") in ("Failed", "Succeeded"):
                    return True
                self._next += 1
            return self._next < len(self.statuses)

        with self._news:
            self._news.wait_for(looked_through, seconds)
            if self._next < len(self.statuses) and condition(self.statuses[self._next]):
                return self.statuses[self._next]
        pytest.fail(f"training {self.name}: not in {seconds:.0f} s: {what}\n{self.surroundings()}")

    def until_phase(self, phase: str, attempt: int, seconds: float = 240) -> dict:
        """Waits for a phase of an attempt."""
        return self.until(
            f"{phase} in attempt {attempt}",
            lambda s: s.get("phase") == phase and s.get("attempt") == attempt,
            seconds,
        )

    def surroundings(self) -> str:
        """What a person would look at when it does not go on."""
        asked = (
            ("get", "unettraining", self.name, "-o", "jsonpath={.status}"),
            ("get", "pods", "-o", "wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            (
                "logs",
                "-l",
                f"unet.dev/training={self.name}",
                "--tail=15",
                "--prefix",
                "--all-containers",
                "--ignore-errors",
            ),
        )
        seen = []
        for words in asked:
            try:
                seen.append(f"$ kubectl {' '.join(words)}\n{self.kubectl(*words)[-6000:]}")
            except AssertionError as error:
                seen.append(str(error))
        return "\n".join(seen)

    def log_line(self, attempt: int, pattern: str, seconds: float = 180) -> str:
        """Follows the launcher's log until a line matches, and returns that line."""
        job = f"{self.name}-launcher-{attempt}"
        self.kubectl(
            "wait",
            "pod",
            "-l",
            f"job-name={job}",
            f"--timeout={seconds:.0f}s",
            "--for=jsonpath={.status.containerStatuses[0].started}=true",
        )
        follow = self._popen("logs", "-f", f"job/{job}", "-c", "launch")
        alarm = threading.Timer(seconds, follow.kill)
        alarm.start()
        try:
            for line in follow.stdout:
                if re.search(pattern, line):
                    return line.rstrip()
        finally:
            alarm.cancel()
            follow.kill()
            follow.wait()
        pytest.fail(f"no line {pattern!r} in the log of {job}\n{self.surroundings()}")

    def pods(self, role: str, attempt: int) -> list[dict]:
        """The pods of a role and attempt, by index."""
        mine = f"unet.dev/training={self.name},unet.dev/role={role},unet.dev/attempt={attempt}"
        return sorted(
            self.kubectl.get("pods", "-l", mine)["items"], key=lambda pod: pod["metadata"]["name"]
        )

    def requests(self) -> list[audit.Request]:
        """What the operator asked of the API server for this namespace since the start."""
        state = Path(self.kubectl.kubeconfig).parent
        log = state / "log" / "audit.log"
        if not throwaway_name(self.kubectl) or not (state / "run" / "audit").exists():
            pytest.skip("no audit log: start the cluster with `cluster/kube up --audit`")
        return [
            request
            for request in audit.read(log, self.applied)
            if request.namespace == self.kubectl.namespace
        ]


@dataclass(frozen=True)
class TrainingNamespace:
    """A namespace under Pod Security `restricted`: claims `msd`, with a phantom, and `results`."""

    kubectl: Kubectl

    def python(self, script: str, *arguments: str) -> str:
        """Runs a script in a pod that sees both claims; returns what it printed."""
        return self.kubectl("exec", "-i", "files", "--", "python", "-", *arguments, stdin=script)

    def start(self, name: str, **spec: object) -> RecordedTraining:
        """Applies a training of two workers on two nodes, as small as can be."""
        recorded = RecordedTraining(self.kubectl, name)
        self.kubectl.apply(training(name, **spec))
        return recorded


def training(name: str, **spec: object) -> dict:
    """A small training; `spec` replaces whole fields."""
    return {
        "apiVersion": "unet.dev/v1alpha1",
        "kind": "UNetTraining",
        "metadata": {"name": name},
        "spec": {
            "dataset": {
                "task": TASK,
                "volume": {"claimName": "msd"},
                "channels": ["FLAIR"],
                "region": "whole-tumour",
            },
            "training": small(epochs=3),
            "workers": {
                "replicas": 2,
                "topologyKey": "kubernetes.io/hostname",
                "resources": {
                    "requests": {"cpu": "100m", "memory": "1Gi"},
                    "limits": {"cpu": "1", "memory": "2Gi"},
                },
            },
            "evaluation": {
                "parallelism": 2,
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "2Gi"}},
            },
            "output": {"claimName": "results"},
            **spec,
        },
    }


def small(epochs: int, *extra: str) -> dict:
    """spec.training: nothing to plan, so that two TensorFlows that start are most of it."""
    return {
        "epochs": epochs,
        "batchSize": 2,
        "patchSize": "32,32,32",
        "precision": "float32",
        "validationFraction": 0.25,
        "extraArgs": ["--steps-per-epoch", "4", "--filters", "8", *extra],
    }


@pytest.fixture(scope="session")
def operator(kubectl: Kubectl) -> Kubectl:
    """The chart, installed; kubectl to its cluster."""
    install(kubectl)
    return kubectl


@pytest.fixture(scope="session")
def trainings(operator: Kubectl) -> Iterator[TrainingNamespace]:
    """See the class; deleted at the end."""
    name = f"e2e-{uuid4().hex[:8]}"
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    operator.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}}
    )
    inside = operator.within(name)
    inside.wait_until("the namespace is set up", lambda: inside.exists("serviceaccount", "default"))
    files = restricted_pod(
        "files",
        ["tini", "--", "sleep", "infinity"],
        image=IMAGE,
        claims={"/data": "msd", "/output": "results"},
        user=65532,
    )
    inside.apply(claim("msd", shared=True), claim("results", shared=True), files)
    inside("wait", "--for=condition=Ready", "pod/files", "--timeout=120s")
    inside(
        "exec",
        "files",
        "--",
        "python",
        "-m",
        "unet",
        "phantom",
        "--output",
        f"/data/{TASK}",
        "--cases",
        "8",
    )
    yield TrainingNamespace(inside)
    operator("delete", "namespace", name, "--wait=false")


def changes_besides_progress(statuses: list[dict]) -> list[dict]:
    """The statuses that differ in more than progress from the one before."""

    def rest(status: dict) -> dict:
        kept = {key: value for key, value in status.items() if key not in PROGRESS}
        kept["conditions"] = [
            {k: v for k, v in c.items() if k not in ("message", "observedGeneration")}
            for c in status.get("conditions", [])
        ]
        return kept

    return [status for before, status in pairwise(statuses) if rest(before) != rest(status)]
