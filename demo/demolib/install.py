"""Brings up the cluster, unless the user has one, and installs the operator in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

from .commands import Failed, kubectl, run, step
from .settings import (
    IMAGES,
    KUBECONFIG,
    NAMESPACE,
    ROOT,
    YOURS,
    operator_image,
    storage_class,
    training_image,
)


def use_cluster() -> None:
    """Brings up the throwaway cluster with both images, unless the user has a cluster."""
    if YOURS:
        missing = [name for name in ("kubectl", "helm") if shutil.which(name) is None]
        if missing:
            raise Failed(f"{' and '.join(missing)} not found on the PATH")
        print("cluster: yours (KUBECONFIG or CLUSTER=current); its nodes must know the images")
        return
    with step("cluster"):
        run(str(ROOT / "cluster/kube"), "up")
    os.environ["KUBECONFIG"] = KUBECONFIG
    os.environ["PATH"] = f"{ROOT / '.cluster/bin'}:{os.environ['PATH']}"
    with step("images onto the nodes"):
        tars = [str(ROOT / f"build/images/{name}.tar") for name in IMAGES]
        run(str(ROOT / "cluster/kube"), "load", *tars)


def require_storage_class() -> None:
    """Ends the demo where a claim would wait for ever."""
    found = kubectl("get", "storageclass", "-o", "jsonpath={.items[*].metadata.name}")
    if storage_class() not in found.split():
        raise Failed(
            f"no storage class {storage_class()} in the cluster ({found or 'none at all'}); set "
            "STORAGE_CLASS to one whose volumes several nodes can write"
        )


def namespace_manifest() -> str:
    """A namespace that refuses any pod with more rights than needed."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": NAMESPACE, "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def helm_install() -> None:
    """Installs the chart, or brings an installed one up to date."""
    repository, _, tag = operator_image().rpartition(":")
    words = [
        *("helm", "upgrade", "--install", "unet-operator", str(ROOT / "charts/unet-operator")),
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
    done = subprocess.run(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"{' '.join(words)}: {done.stderr.strip()}")
