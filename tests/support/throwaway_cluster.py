"""A throwaway cluster of a test's own, beside whatever else runs: fixtures `kube`, `two_nodes`."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cluster_fixtures import CHECKOUT, Kubectl

# Of this checkout alone: another one may run its tests on the same machine.
NAME = f"unet-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]}"
STATE = CHECKOUT / ".cluster" / NAME


@dataclass(frozen=True)
class Kube:
    """`cluster/kube` for the cluster under test."""

    port: int
    folder: Path = CHECKOUT / "cluster"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one command, whatever comes of it."""
        command = [self.folder / "kube", "--name", NAME, "--port", str(self.port), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def __call__(self, *arguments: str) -> str:
        """Runs one command that must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def pid(self, process: str) -> int:
        """The pid of one of the cluster's processes."""
        return int((STATE / "run" / f"{process}.pid").read_text())


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    """The command, on a machine where it can work without building first; it ends all of it."""
    if os.geteuid() != 0:
        pytest.skip("starting a cluster needs root")
    if not (CHECKOUT / ".cluster" / "bin" / "kubernetes").exists():
        pytest.skip("the cluster is not built: run `make cluster-build`")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield Kube(port)
    Kube(port)("down")


@pytest.fixture(scope="module")
def two_nodes(kube: Kube) -> Kubectl:
    """A cluster of two nodes."""
    kube("up", "--nodes", "2")
    return Kubectl(str(CHECKOUT / ".cluster" / "bin" / "kubectl"), str(STATE / "kubeconfig"))
