"""`make demo`: from nothing to a Dice score.

Asks what the machine lacks, builds images and cluster side by side (or takes the cluster that
CLUSTER names), installs the operator, fills a claim with brain MRI
(DATA=path/to/Task01_BrainTumour, else a phantom), applies demo/brain-tumour.yaml, follows the
training, leaves report.html and an overlay picture in demo-output/ (or DEMO_OUTPUT), and says
what it changed on the machine.
"""

from __future__ import annotations

import os
import string
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machinelib import own_cluster
from machinelib.proxy import spare_loopback
from machinelib.text import Problem

from .claims import fetch_results, fill_claim
from .commands import Failed, duration, kubectl, show, step
from .follow import follow
from .install import install_operator, make_namespace, prepare, require_storage_class
from .machine import Machine
from .output import require_ours
from .settings import (
    KUBE,
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
    """Runs the demo; returns the exit code.

    0 done, 1 failed, 2 something is missing before it begins, 130 interrupted.
    """
    spare_loopback(os.environ)
    try:
        with chosen_cluster():
            demonstrate()
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("\ninterrupted; what is built stays, and `make demo` goes on from there")
        if not YOURS:
            print(f"a cluster or training that runs goes on; it ends with: {' '.join(KUBE)} down")
        return 130
    return 0


@contextmanager
def chosen_cluster() -> Iterator[None]:
    """Stays with the context that CLUSTER names, whichever becomes current meanwhile.

    Raises:
        Failed: it names none.
    """
    if not YOURS:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.environ["KUBECONFIG"] = str(own_cluster.pin(Path(folder)))
        except Problem as error:
            raise Failed(str(error), code=2) from None
        yield


def demonstrate() -> None:
    """Runs the steps in order; each says what it does and how long it took."""
    began, before = time.monotonic(), Machine.now()
    data = os.environ.get("DATA")
    if data and not (Path(data) / "dataset.json").is_file():
        raise Failed(f"DATA={data}: no dataset.json there; name the task's folder")
    require_ours(OUTPUT)
    prepare()
    with step("operator"):
        make_namespace()
        install_operator()
    with step("claims"):
        require_storage_class()
        manifest = string.Template((ROOT / "demo/claims.yaml").read_text())
        chosen = {"STORAGE_CLASS": storage_class(), "TRAINING_IMAGE": training_image()}
        kubectl("apply", "-f", "-", stdin=manifest.substitute(chosen))
        kubectl("wait", "--for=condition=Ready", "pod/files", "--timeout=180s")
    with step(f"data set: {data or 'a phantom (DATA=… takes real cases)'}"):
        fill_claim(data)
    with step("training, evaluation, report"):
        train()
    with step(f"results to {OUTPUT}/"):
        fetch_results()
    say_where(duration(time.monotonic() - began))
    print("\nChanged on this machine:")
    for line in Machine.now().changes_since(before):
        print(f"  {line}")


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
