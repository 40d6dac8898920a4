"""Real control groups of whatever versions this machine mounts: their whole life."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubelib import cgroups, processes

pytestmark = pytest.mark.e2e

NAME = f"unet-groups{os.getpid()}"


@pytest.fixture(params=[1, 2])
def tree(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The hierarchies of one version, used as if the machine had no others."""
    if os.geteuid() != 0:
        pytest.skip("making control groups needs root")
    found = cgroups.find(Path("/proc/self/mountinfo").read_text())
    chosen = cgroups.choose([mount for mount in found if mount.version == request.param])
    if not chosen:
        pytest.skip(f"no control groups of version {request.param} are mounted here")
    monkeypatch.setattr(cgroups, "_mounts", lambda: chosen)
    yield chosen[0].point
    cgroups.end(NAME)


def test_a_group_is_made_joined_counted_and_ended(tree: Path):
    cgroups.create(f"{NAME}/node-0")
    cgroups.create(f"{NAME}/{cgroups.SUPERVISORS}")
    command = ["sh", "-c", "sleep 600 & sleep 600"]
    with subprocess.Popen(command, preexec_fn=cgroups.joiner(f"{NAME}/node-0")) as process:
        processes.wait_for("both", lambda: len(cgroups.members(f"{NAME}/node-0")) == 3, 10)
        assert cgroups.is_within(process.pid, NAME)
        cgroups.move(process.pid, f"{NAME}/{cgroups.SUPERVISORS}")
        assert cgroups.members(f"{NAME}/{cgroups.SUPERVISORS}") == {process.pid}
        assert len(cgroups.members(NAME)) == 3
        cgroups.end(NAME)
        assert process.wait() == -9
    assert not any((root / NAME).exists() for root in cgroups.hierarchies())
