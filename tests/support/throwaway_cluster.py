"""A throwaway cluster of a test's own, beside whatever else runs: fixtures `kube`, `two_nodes`."""

from __future__ import annotations

import hashlib
import os
import random
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
    name: str = NAME

    def command(self, *arguments: str) -> list[str]:
        """The command line of one command."""
        options = ["--name", self.name, "--port", str(self.port)]
        return [str(self.folder / "kube"), *options, *arguments]

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs one command, with further variables in its environment, whatever comes of it."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables},
        )

    def __call__(self, *arguments: str) -> str:
        """Runs one command that must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def pid(self, process: str) -> int:
        """The pid of one of the cluster's processes."""
        return int((STATE / "run" / f"{process}.pid").read_text().split()[0])


def two_free_ports() -> int:
    """The first of two ports in a row that nobody listens on.

    They are below those that the kernel gives to whoever asks for any, as tests beside this do.
    """
    low, _high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    first = random.randrange(16_000, int(low) - 2, 2)
    try:
        for port in (first, first + 1):
            socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return two_free_ports()
    return first


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    """The command, on a machine where it can work without building first; it ends all of it."""
    if os.geteuid() != 0:
        pytest.skip("starting a cluster needs root")
    if not (CHECKOUT / ".cluster" / "bin" / "kubernetes").exists():
        pytest.skip("the cluster is not built: run `make cluster-build`")
    found = Kube(two_free_ports())
    yield found
    found("down")


@pytest.fixture(scope="module")
def two_nodes(kube: Kube) -> Kubectl:
    """A cluster of two nodes."""
    kube("up", "--nodes", "2")
    return Kubectl(str(CHECKOUT / ".cluster" / "bin" / "kubectl"), str(STATE / "kubeconfig"))
