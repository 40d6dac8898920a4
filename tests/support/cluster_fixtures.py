"""A running cluster for tests: fixtures `kubectl` and `namespace`.

The cluster is the one that CLUSTER names, the current context of your kubeconfig, or else a
throwaway one of this checkout: that of KUBECONFIG, or `make cluster`'s.  A KUBECONFIG of any
other cluster is left alone: tests install an operator and take it away again.  Without a
cluster the tests are skipped; one that was asked for and does not answer fails them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from machinelib import own_cluster
from machinelib.text import Problem

from support.hand_node import HAND

CHECKOUT = Path(__file__).resolve().parents[2]
BUSYBOX = "unet.local/busybox:1"
"""On every node of the throwaway cluster; a shell and the usual small tools."""


class KubectlError(AssertionError):
    """kubectl failed; the text is its own."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl, bound to a cluster and a namespace.

    Args:
        program: the binary.
        kubeconfig: which cluster; empty for kubectl's own default.
        namespace: where commands without one go.
    """

    program: str
    kubeconfig: str
    namespace: str = "default"

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Runs ``kubectl ARGUMENTS`` and returns its output; raises KubectlError."""
        options = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        done = subprocess.run(
            [self.program, *options, f"--namespace={self.namespace}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def within(self, namespace: str) -> Kubectl:
        """The same cluster, another namespace."""
        return replace(self, namespace=namespace)

    def get(self, *arguments: str) -> dict:
        """Returns ``kubectl get ARGUMENTS -o json``, parsed."""
        return json.loads(self("get", *arguments, "-o", "json"))

    def exists(self, *arguments: str) -> bool:
        """Whether ``kubectl get ARGUMENTS`` finds anything."""
        return bool(self("get", *arguments, "--ignore-not-found", "-o", "name").strip())

    def apply(self, *objects: dict | str) -> None:
        """Applies objects, given as dicts or as YAML text."""
        for item in objects:
            text = item if isinstance(item, str) else json.dumps(item)
            self("apply", "-f", "-", stdin=text)

    def wait_until(self, what: str, condition: Callable[[], object], seconds: float = 120) -> None:
        """Returns once `condition()` is true; fails with `what` and recent events if not."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                events = self("get", "events", "--sort-by=.lastTimestamp")
                pods = self("get", "pods", "-o", "wide")
                pytest.fail(f"not after {seconds:.0f} s: {what}\n{pods}\n{events[-4000:]}")
            time.sleep(0.25)

    def wait_phase(self, pod: str, *phases: str, seconds: float = 120) -> None:
        """Waits until the pod is in one of `phases`."""
        self.wait_until(
            f"pod {pod} is {' or '.join(phases)}",
            lambda: self.get("pod", pod)["status"].get("phase") in phases,
            seconds,
        )


def under_test(folder: Path) -> Kubectl:
    """kubectl as administrator of the cluster under test; skips or fails without one.

    Args:
        folder: where a kubeconfig of the chosen context is written, if it is the user's.
    """
    ours = CHECKOUT / ".cluster"
    program = str(ours / "bin" / "kubectl")
    if not Path(program).exists():
        program = shutil.which("kubectl") or program
    asked = bool(os.environ.get("CLUSTER"))
    kubeconfig = str(ours / "kubeconfig")
    if asked:
        try:
            kubeconfig = str(own_cluster.pin(folder))
        except Problem as error:
            pytest.fail(str(error))
    elif os.environ.get("KUBECONFIG") and own_cluster.is_throwaway():
        asked, kubeconfig = True, os.environ["KUBECONFIG"]
    found = Kubectl(program, kubeconfig)
    try:
        found("get", "--raw", "/readyz")
    except (KubectlError, OSError) as error:
        if asked:
            pytest.fail(f"the cluster that was asked for does not answer: {error}")
        left = f" ({own_cluster.HOW})" if os.environ.get("KUBECONFIG") else ""
        pytest.skip(f"no throwaway cluster: run `make cluster`, or set CLUSTER{left}")
    return found


def throwaway_name(kubectl: Kubectl) -> str:
    """The name of the throwaway cluster that kubectl talks to; empty when it is another's."""
    state = Path(kubectl.kubeconfig).resolve().parent
    if state == CHECKOUT / ".cluster":
        return "unet"
    return state.name if state.parent == CHECKOUT / ".cluster" else ""


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The cluster under test."""
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.mktemp("cluster")) as folder:
        yield under_test(Path(folder))


@contextmanager
def restricted_namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a fresh namespace that enforces Pod Security `restricted`.

    The namespace is deleted afterwards, without waiting for it to be gone.
    """
    name = f"test-{uuid4().hex[:8]}"
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": label}}
    )
    inside = kubectl.within(name)
    # A pod created before its namespace's default account exists is refused.
    inside.wait_until("the namespace is set up", lambda: inside.exists("serviceaccount", "default"))
    try:
        yield inside
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """A `restricted_namespace` for one test."""
    with restricted_namespace(kubectl) as inside:
        yield inside


def restricted_pod(
    name: str,
    command: list[str] | str,
    *,
    image: str = BUSYBOX,
    claims: dict[str, str] | None = None,
    requests: dict[str, str] | None = None,
    limits: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    user: int = 23456,
    **spec: object,
) -> dict:
    """A pod that Pod Security `restricted` admits: any uid, read-only root, no capability.

    Args:
        name: the pod's name.
        command: its argv; a string is given to sh.
        image: the image.
        claims: mount path → name of a PersistentVolumeClaim.
        requests: resources asked for.
        limits: resources not exceeded.
        labels: the pod's labels.
        user: its uid.
        **spec: further fields of the pod's spec.
    """
    claims = claims or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": user,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": ["sh", "-c", command] if isinstance(command, str) else command,
                    "resources": {"requests": requests or {}, "limits": limits or {}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": c, "mountPath": path} for path, c in claims.items()],
                }
            ],
            "volumes": [
                {"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims.values()
            ],
            **spec,
        },
    }


def claim(name: str, *, shared: bool, size: str = "1Gi") -> dict:
    """A PersistentVolumeClaim: ReadWriteMany on class `shared`, or ReadWriteOnce on the default."""
    spec: dict = {"resources": {"requests": {"storage": size}}}
    if shared:
        spec |= {"accessModes": ["ReadWriteMany"], "storageClassName": "shared"}
    else:
        spec |= {"accessModes": ["ReadWriteOnce"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": spec,
    }


def real_nodes(kubectl: Kubectl) -> list[str]:
    """Names of nodes that run pods: neither kwok's nor those that tests made by hand."""
    items = kubectl.get("nodes", "-l", "type!=kwok")["items"]
    return [
        item["metadata"]["name"]
        for item in items
        if all(taint["key"] != HAND for taint in item["spec"].get("taints", []))
    ]
