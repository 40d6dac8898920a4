"""Brings up the cluster, unless the user has one, and installs the operator in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

from . import first_look
from .commands import Failed, kubectl, run, step
from .lanes import Lane, Lanes
from .settings import (
    IMAGES,
    KUBE,
    KUBECONFIG,
    NAMESPACE,
    PYTHON,
    ROOT,
    WHICH,
    YOURS,
    operator_image,
    storage_class,
    training_image,
)

MACHINE = (PYTHON, "-B", str(ROOT / "setup/machine"))
MINE = "unet.dev/demo"
"""The label of the namespace that the demo made."""


@dataclass(frozen=True)
class Release:
    """An operator that helm installed.

    Args:
        name: of the release.
        namespace: where it is.
        chart: name and version.
        image: that of its trainings' pods.
    """

    name: str
    namespace: str
    chart: str
    image: str


def prepare() -> None:
    """Asks what the machine lacks, builds side by side, and starts the throwaway cluster."""
    run(*MACHINE, "preflight", "demo", *WHICH, code=2)
    if YOURS:
        missing = [name for name in ("kubectl", "helm") if shutil.which(name) is None]
        if missing:
            raise Failed(f"{' and '.join(missing)} not found on the PATH")
        return
    run(*MACHINE, "packages", "demo", code=2)
    with step("images and cluster, side by side"):
        Lanes(lanes()).run()
    os.environ["KUBECONFIG"] = KUBECONFIG
    os.environ["PATH"] = f"{ROOT / '.cluster/bin'}:{os.environ['PATH']}"
    with step("images onto the nodes"):
        tars = [str(ROOT / f"build/images/{name}.tar") for name in IMAGES]
        run(*KUBE, "load", *tars)


def lanes() -> list[Lane]:
    """What is built: the images, the cluster, and a first look while there is none."""
    make = ("make", "--no-print-directory", "-C", str(ROOT), f"PYTHON={PYTHON}")
    images = (
        (*make, "setup-train"),
        *((str(ROOT / "image/build"), name) for name in ("operator", "training")),
    )
    found = [Lane("images", images), Lane("cluster", ((*KUBE, "up"),))]
    cold = not (ROOT / ".cluster/bin/kubernetes").exists()
    if cold and first_look.wanted():
        found.append(first_look.lane(after=("images", 1)))
    return found


def require_storage_class() -> None:
    """Ends the demo where a claim would wait for ever."""
    found = kubectl("get", "storageclass", "-o", "jsonpath={.items[*].metadata.name}", namespace="")
    if storage_class() not in found.split():
        raise Failed(
            f"no storage class {storage_class()} in the cluster ({found or 'none at all'}); set "
            "STORAGE_CLASS to one whose volumes several nodes can write"
        )


def make_namespace() -> None:
    """Makes the demo's namespace, which refuses any pod with more rights than needed.

    Raises:
        Failed: there is one of that name in the user's cluster that no demo made.
    """
    label = f"jsonpath={{.metadata.name}} {{.metadata.labels.{MINE.replace('.', chr(92) + '.')}}}"
    words = ("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", label)
    if YOURS and kubectl(*words, namespace="").split() == [NAMESPACE]:
        raise Failed(
            f"namespace {NAMESPACE}: is in your cluster and no demo made it; if it may be used: "
            f"kubectl label namespace {NAMESPACE} {MINE}=true"
        )
    kubectl("apply", "-f", "-", namespace="", stdin=namespace_manifest())


def namespace_manifest() -> str:
    """The namespace, as JSON."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", MINE: "true"}
    metadata = {"name": NAMESPACE, "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def install_operator() -> None:
    """Installs the chart; an operator that the user's cluster has stays as it is.

    Raises:
        Failed: that one is of another version, or helm failed.
    """
    release = installed() if YOURS else None
    if release is None:
        helm_install()
        return
    ours = chart_version()
    if release.chart != ours:
        raise Failed(
            f"release {release.name} in {release.namespace}: is {release.chart}, the demo wants "
            f"{ours}; your values stay with: helm upgrade --reuse-values -n {release.namespace} "
            f"{release.name} {ROOT / 'charts/unet-operator'}"
        )
    print(f"   yours, {release.chart} in {release.namespace}, is left as it is", flush=True)
    if release.image:
        os.environ.setdefault("TRAINING_IMAGE", release.image)


def installed() -> Release | None:
    """The operator that helm installed in the user's cluster, wherever; None without one."""
    for found in json.loads(helm("list", "--all-namespaces", "-o", "json") or "[]"):
        if found["chart"].startswith("unet-operator-"):
            name, namespace = found["name"], found["namespace"]
            text = helm("get", "values", name, "--all", "-n", namespace, "-o", "json")
            training = (json.loads(text or "{}") or {}).get("training") or {}
            return Release(name, namespace, found["chart"], training.get("image") or "")
    return None


def chart_version() -> str:
    """Name and version of this checkout's chart, as `helm list` spells them."""
    lines = (ROOT / "charts/unet-operator/Chart.yaml").read_text().splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line and line[0] != " ")
    return f"{fields['name']}-{fields['version'].strip(chr(34))}"


def helm_install() -> None:
    """Installs the chart, or brings that of the throwaway cluster up to date."""
    repository, _, tag = operator_image().rpartition(":")
    words = [
        *("upgrade", "--install", "unet-operator", str(ROOT / "charts/unet-operator")),
        *("--namespace", "unet-system", "--create-namespace", "--wait", "--timeout", "3m"),
        *("--set", f"image.repository={repository}", "--set", f"image.tag={tag}"),
        *("--set", f"training.image={training_image()}"),
    ]
    if not YOURS:
        # The tag stays the same when the image is built anew; its digest does not.
        digest = (ROOT / "build/images/operator.digest").read_text().strip()
        words += ["--set-string", f"podAnnotations.image={digest[-16:]}"]
        # `kubectl apply` of the manifests or a test may have made the definition.
        words += ["--take-ownership", "--force-conflicts"]
    helm(*words)


def helm(*words: str) -> str:
    """Runs helm and returns its output.

    Raises:
        Failed: it did.
    """
    done = subprocess.run(["helm", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"helm {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
