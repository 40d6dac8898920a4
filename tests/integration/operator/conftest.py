"""The real API server with the CRD, and an operator process of this checkout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from support.cluster_fixtures import CHECKOUT, Kubectl, KubectlError, claim
from support.hand_node import Api, HandNode
from support.operator_process import OperatorProcess, chart_rights
from unet_operator.cluster.kinds import EVENTS, PODS, TRAININGS

LABEL = "app.kubernetes.io/name=unet-operator"


@pytest.fixture(scope="session")
def crd(kubectl: Kubectl) -> Kubectl:
    """kubectl of a cluster that knows UNetTrainings as this checkout defines them."""
    kubectl("apply", "-f", str(CHECKOUT / "manifests/crd.yaml"))
    kubectl("wait", "--for=condition=Established", "crd/unettrainings.unet.dev", "--timeout=60s")
    return kubectl


@pytest.fixture(scope="session")
def api(kubectl: Kubectl) -> Iterator[Api]:
    """The API server, without a kubectl in between."""
    found = Api(kubectl.kubeconfig)
    yield found
    found.close()


@pytest.fixture(scope="session")
def alone(crd: Kubectl) -> Iterator[Kubectl]:
    """No other operator serves the cluster meanwhile.

    The one that the end-to-end tests left in this checkout's own cluster rests for as long;
    in any other cluster it is for its owner to stop, and the tests are skipped.
    """
    others = [
        body["metadata"]
        for body in crd.get("deployments", "-A", "-l", LABEL)["items"]
        if body["spec"]["replicas"]
    ]
    ours = Path(crd.kubeconfig).resolve().is_relative_to(CHECKOUT / ".cluster")
    if others and not ours:
        where = ", ".join(f"{meta['namespace']}/{meta['name']}" for meta in others)
        pytest.skip(f"another operator serves this cluster: {where}; scale it to 0 first")
    for meta in others:
        crd.within(meta["namespace"])("scale", "deployment", meta["name"], "--replicas=0")
        crd.within(meta["namespace"])("wait", "pod", "-l", LABEL, "--for=delete", "--timeout=60s")
    yield crd
    for meta in others:
        crd.within(meta["namespace"])("scale", "deployment", meta["name"], "--replicas=1")


@dataclass
class Ground:
    """A namespace for trainings, with claims and the operator's account, and a hand node."""

    kubectl: Kubectl
    node: HandNode

    @property
    def namespace(self) -> str:
        """Its name."""
        return self.kubectl.namespace

    def training(self, name: str, *, node: bool = True, **spec: dict) -> dict:
        """A UNetTraining of two workers, bound for the hand node unless told otherwise."""
        workers = {"replicas": 2, "resources": {"requests": {"cpu": "10m"}, "limits": {}}}
        if node:
            workers |= {"nodeSelector": self.node.selector, "tolerations": self.node.tolerations}
        small = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {}}
        base: dict = {
            "dataset": {"task": "Task01_BrainTumour", "volume": {"claimName": "msd"}},
            "output": {"claimName": "results"},
            "workers": workers,
            "launcher": {"resources": small},
            "evaluation": {"resources": small},
            "runPolicy": {"gang": "none"},
        }
        for section, fields in spec.items():
            old = base.get(section)
            base[section] = {**old, **fields} if isinstance(old, dict) else fields
        return {
            "apiVersion": "unet.dev/v1alpha1",
            "kind": "UNetTraining",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": base,
        }

    def apply(self, name: str, **options: object) -> None:
        """A user applies it."""
        self.kubectl.apply(self.training(name, **options))

    def status(self, name: str) -> dict:
        """Its status."""
        return self.node.api.get(TRAININGS, self.namespace, name).get("status", {})

    def condition(self, name: str, kind: str) -> dict:
        """One of its conditions, empty if it was never set."""
        conditions = self.status(name).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def until(self, name: str, kind: str, reason: str, seconds: float = 180) -> dict:
        """Waits for a condition with that reason, and returns it."""

        def told() -> bool:
            return self.condition(name, kind).get("reason") == reason

        try:
            self.kubectl.wait_until(f"{name}: {kind} says {reason}", told, seconds)
        except BaseException:
            print(json.dumps(self.status(name), indent=1))
            raise
        return self.condition(name, kind)

    def phase(self, name: str, *phases: str, seconds: float = 180) -> dict:
        """Waits for one of the phases, and returns the status."""

        def come() -> bool:
            return self.status(name).get("phase") in phases

        try:
            self.kubectl.wait_until(f"{name} is {' or '.join(phases)}", come, seconds)
        except BaseException:
            print(json.dumps(self.status(name), indent=1))
            raise
        return self.status(name)

    def pods(self, name: str, role: str, attempt: int = 1) -> list[str]:
        """Names of its pods of that role and attempt (or round) that are not going."""
        return [
            body["metadata"]["name"]
            for body in self._pods(name, role, attempt)
            if "deletionTimestamp" not in body["metadata"]
        ]

    def _pods(self, name: str, role: str, attempt: int) -> list[dict]:
        mine = f"unet.dev/training={name},unet.dev/role={role},unet.dev/attempt={attempt}"
        return self.node.api.listed(PODS, self.namespace, labelSelector=mine)

    def events(self, name: str) -> list[dict]:
        """Events about it, the oldest first."""
        about = f"involvedObject.kind=UNetTraining,involvedObject.name={name}"
        found = self.node.api.listed(EVENTS, self.namespace, fieldSelector=about)
        return sorted(found, key=lambda body: body["firstTimestamp"])

    def placed(self, name: str, role: str, count: int = 1, attempt: int = 1) -> list[str]:
        """Waits until the hand node has so many of its pods, and returns their names."""

        def there() -> bool:
            pods = self._pods(name, role, attempt)
            return sum(p["spec"].get("nodeName") == self.node.name for p in pods) >= count

        self.kubectl.wait_until(f"{name} has {count} {role} pods", there, 180)
        return sorted(self.pods(name, role, attempt))

    def to_training(self, name: str, attempt: int = 1) -> None:
        """All workers answer, and mpiexec runs."""
        for pod in self.placed(name, "worker", 2, attempt):
            self.node.run(self.namespace, pod)
        (launcher,) = self.placed(name, "launcher", 1, attempt)
        self.node.run(self.namespace, launcher)
        self.phase(name, "Training")

    def end(
        self, name: str, role: str, code: int = 0, number: int = 1, said: dict | None = None
    ) -> None:
        """A pod of that role ends."""
        (pod,) = self.placed(name, role, 1, number)
        self.node.end(self.namespace, pod, code, said)


def ground_in(kubectl: Kubectl, node: HandNode, name: str) -> Ground:
    """Makes a ground in a new namespace that enforces Pod Security `restricted`."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}}
    )
    inside = kubectl.within(name)
    inside.wait_until("the namespace is set up", lambda: inside.exists("serviceaccount", "default"))
    inside.wait_until("a definition just made serves watches", lambda: _serves(inside))
    inside.apply(*chart_rights(name), claim("msd", shared=True), claim("results", shared=True))
    return Ground(inside, node)


def _serves(kubectl: Kubectl) -> bool:
    """Whether trainings are served from the API server's cache; until then it answers 429."""
    try:
        kubectl("get", "--raw", "/apis/unet.dev/v1alpha1/unettrainings?resourceVersion=0")
    except KubectlError:
        return False
    return True


@pytest.fixture(scope="session")
def node(api: Api) -> Iterator[HandNode]:
    """A node whose kubelet is the test."""
    found = HandNode(api)
    yield found
    found.close()


@pytest.fixture(scope="session")
def ground(alone: Kubectl, node: HandNode) -> Iterator[Ground]:
    """The namespace for the trainings that the operator serves."""
    found = ground_in(alone, node, f"unet-it-{uuid4().hex[:8]}")
    yield found
    alone("delete", "namespace", found.namespace, "--wait=false")


@pytest.fixture(scope="module")
def apart(alone: Kubectl, node: HandNode) -> Iterator[Kubectl]:
    """A namespace with the operator's account that the one of all tests does not serve."""
    found = ground_in(alone, node, f"unet-it-{uuid4().hex[:8]}").kubectl
    yield found
    alone("delete", "namespace", found.namespace, "--wait=false")


@pytest.fixture(scope="session")
def operator(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator of all tests, serving the ground."""
    found = OperatorProcess(
        ground.kubectl,
        tmp_path_factory.mktemp("operator"),
        settings={
            # A machine that is busy for ten seconds must not stop it in the middle of a test.
            "UNET_OPERATOR_LEADER_ELECTION": "false",
            "UNET_OPERATOR_LOOK_SECONDS": "2",
        },
    ).start()
    yield found
    assert found.process.poll() is None, "the operator did not survive"
    faults = [line for line in found.log() if line["level"] == "error"]
    found.close()
    assert faults == [], faults
