"""Data into a claim and results out with kubectl alone, by the commands of docs/operator.md."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from support.cluster_fixtures import CHECKOUT, Kubectl, claim
from support.operator_fixtures import IMAGE

pytestmark = pytest.mark.e2e


def commands() -> str:
    """The page's commands, as a script."""
    page = (CHECKOUT / "docs/operator.md").read_text()
    section = page.partition("### Data in, results out")[2].partition("\n### ")[0]
    (block,) = re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.MULTILINE)
    return textwrap.dedent(block)


def test_the_commands_of_the_manual_move_files_in_and_out(namespace: Kubectl, tmp_path: Path):
    namespace.apply(claim("msd", shared=True), claim("results", shared=True))
    task = tmp_path / "downloads" / "Task01_BrainTumour"
    task.mkdir(parents=True)
    (task / "dataset.json").write_bytes(os.urandom(3_000_000))
    made = "kubectl exec files -- cp -r /data/Task01_BrainTumour /output/run-1"
    listed = "kubectl -n NAMESPACE exec files -- ls /output"
    script = commands().replace(listed, f"{made}\n{listed}")
    for placeholder, value in {
        "YOUR-REGISTRY/unet-training:0.1.0": IMAGE,
        "DOWNLOADS": str(task.parent),
        "/output/RUN ./RUN": "/output/run-1 ./run-1",
        "kubectl exec": "kubectl -n NAMESPACE exec",
        "NAMESPACE": namespace.namespace,
    }.items():
        assert placeholder in script
        script = script.replace(placeholder, value)
    options = f"--kubeconfig={namespace.kubeconfig}" if namespace.kubeconfig else ""
    called = f'kubectl() {{ "{namespace.program}" {options} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", called + script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "run-1" in done.stdout.split()
    digests = [
        hashlib.sha256((folder / "dataset.json").read_bytes()).hexdigest()
        for folder in (task, tmp_path / "run-1")
    ]
    assert digests[0] == digests[1]
    assert not namespace.exists("pod", "files")
