"""`make demo`: from nothing to a Dice score.

Starts the cluster (or takes yours), installs the operator, fills a claim with brain MRI
(DATA=path/to/Task01_BrainTumour, else a phantom), applies demo/brain-tumour.yaml, follows
the training, and leaves report.html and an overlay picture in demo-output/.
"""

from __future__ import annotations

import os
import string
import sys
import time
from pathlib import Path

from .claims import fetch_results, fill_claim
from .commands import Failed, duration, kubectl, show, step
from .follow import follow
from .install import helm_install, namespace_manifest, require_storage_class, use_cluster
from .settings import (
    KUBECONFIG,
    NAME,
    NAMESPACE,
    OUTPUT,
    ROOT,
    YOURS,
    storage_class,
    training_image,
)


def main() -> int:
    """Runs the demo; returns the exit code: 0 done, 1 failed, 130 interrupted."""
    try:
        demonstrate()
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; a training that has begun goes on: kubectl -n {NAMESPACE} get unet -w"
        )
        return 130
    return 0


def demonstrate() -> None:
    """Runs the steps in order; each says what it does and how long it took."""
    began = time.monotonic()
    data = os.environ.get("DATA")
    if data and not (Path(data) / "dataset.json").is_file():
        raise Failed(f"DATA={data}: no dataset.json there; name the task's folder")
    use_cluster()
    with step("operator"):
        kubectl("apply", "-f", "-", namespace="", stdin=namespace_manifest())
        helm_install()
    with step("claims"):
        require_storage_class()
        manifest = string.Template((ROOT / "demo/claims.yaml").read_text())
        chosen = {"STORAGE_CLASS": storage_class(), "TRAINING_IMAGE": training_image()}
        kubectl("apply", "-f", "-", stdin=manifest.substitute(chosen))
        kubectl("wait", "--for=condition=Ready", "pod/files", "--timeout=180s")
    with step(f"data set: {data or 'a phantom (DATA=… takes real cases)'}"):
        fill_claim(data)
    train()
    with step(f"results to {OUTPUT}/"):
        fetch_results()
    say_where(duration(time.monotonic() - began))


def train() -> None:
    """Applies the training, follows it to its end and shows its Dice table."""
    kubectl("delete", "unettraining", NAME, "--ignore-not-found", "--wait=true")
    kubectl("apply", "-f", str(ROOT / "demo/brain-tumour.yaml"))
    print(f"\n$ kubectl apply -f demo/brain-tumour.yaml      (namespace {NAMESPACE})\n", flush=True)
    status = follow()
    if status.phase != "Succeeded":
        show("describe", "unettraining", NAME)
        print("\nthe training's last lines:", flush=True)
        show("logs", status.logs["launcher"], "--tail=20")
        raise Failed(f"the training ended as {status.phase}: {status.message}")
    print(f"\n$ kubectl logs {status.logs['results']}\n", flush=True)
    if not show("logs", status.logs["results"]):
        raise Failed(f"kubectl -n {NAMESPACE} logs {status.logs['results']} failed")


def say_where(time_taken: str) -> None:
    """Says where everything is that the demo leaves."""
    print(f"\nDone in {time_taken}.")
    print(f"  page      {OUTPUT}/report.html")
    print(f"  overlay   {OUTPUT}/overlay.png")
    print(f"  volumes   {OUTPUT}/predictions_directory/")
    print(f"  on the cluster: namespace {NAMESPACE}, claim results")
    if not YOURS:
        print("\nLook around:")
        print(f"  export KUBECONFIG={KUBECONFIG} PATH={ROOT}/.cluster/bin:$PATH")
        print(f"  kubectl -n {NAMESPACE} get unet -o wide")
        print("`make cluster-down` ends the cluster.")
