"""One checkout owns the cluster of a name, whoever else asks at the same moment."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest
from kubelib import cgroups, network, ownership, report, settings, teardown


@dataclass(frozen=True)
class Elsewhere(settings.Cluster):
    """A cluster as another checkout sees it."""

    folder: Path = Path()

    @property
    def state(self) -> Path:
        return self.folder / self.name


@pytest.fixture
def owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's record of owners, of a machine where no cluster has a process."""
    folder = tmp_path / "run" / "unet-clusters"
    for module in (ownership, teardown, cgroups):
        monkeypatch.setattr(module, "OWNERS", folder, raising=False)
    monkeypatch.setattr(cgroups, "members", lambda group: set())
    return folder


def test_of_two_checkouts_that_claim_at_once_one_wins(owners: Path, tmp_path: Path):
    count = 8
    start, done = Barrier(count), Barrier(count)

    def claims(index: int) -> str:
        cluster = Elsewhere("unet-race", folder=tmp_path / str(index))
        with ownership.alone(cluster):
            start.wait()
            try:
                with ownership.machine():
                    ownership.claim(cluster)
                outcome = "owner"
            except report.KubeError as error:
                outcome = str(error)
            done.wait()  # nobody gives up before all have asked
        return outcome

    with ThreadPoolExecutor(count) as pool:
        outcomes = list(pool.map(claims, range(count)))
    winner = outcomes.index("owner")
    assert outcomes.count("owner") == 1
    told = f"runs from {tmp_path / str(winner) / 'unet-race'}"
    assert sum(told in outcome for outcome in outcomes) == count - 1


def test_the_lock_of_the_machine_leaves_no_folder_and_excludes(owners: Path):
    inside: list[int] = []
    most: list[int] = []

    def enters(index: int) -> None:
        with ownership.machine():
            inside.append(index)
            most.append(len(inside))
            inside.remove(index)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enters, range(200)))
    assert most == [1] * 200
    assert not owners.exists()


def test_a_claim_that_a_crash_left_can_be_taken(owners: Path, tmp_path: Path):
    first = Elsewhere("unet-two", folder=tmp_path / "first")
    second = Elsewhere("unet-two", folder=tmp_path / "second")
    with ownership.alone(first), ownership.machine():
        ownership.claim(first)
    with ownership.machine():
        ownership.claim(second)
    assert (owners / "unet-two").read_text() == str(second.state)


def test_a_claim_of_a_checkout_that_is_gone_can_be_taken(
    owners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cgroups, "members", lambda group: {4711})
    first = Elsewhere("unet-two", folder=tmp_path / "first")
    second = Elsewhere("unet-two", folder=tmp_path / "second")
    with ownership.machine():
        ownership.claim(first)
    ownership.require(second)
    first.state.mkdir(parents=True)
    with pytest.raises(report.KubeError, match=f"runs from {first.state}"):
        ownership.require(second)


def test_a_claimed_port_is_refused_to_a_cluster_of_another_name(owners: Path, tmp_path: Path):
    first = Elsewhere("unet-two", 17000, tmp_path / "first")
    with ownership.alone(first):
        with ownership.machine():
            ownership.claim(first)
        (first.state / "run").mkdir()
        (first.state / "run" / "port").write_text("17000")
        second = Elsewhere("unet-three", 17000, tmp_path / "second")
        with pytest.raises(report.KubeError, match="is the port of cluster unet-two"):
            ownership.require_port(second)
        ownership.require_port(Elsewhere("unet-three", 17001, tmp_path / "second"))


def test_a_command_at_work_is_seen_from_another_process(owners: Path, tmp_path: Path):
    first = Elsewhere("unet-two", folder=tmp_path / "first")
    first.state.mkdir(parents=True)
    with ownership.machine():
        ownership.claim(first)
    holds = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
    holds += "print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holds, str(first.state / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(report.KubeError, match="runs from"):
            ownership.require(Elsewhere("unet-two", folder=tmp_path / "second"))
        holder.stdin.close()
    ownership.require(Elsewhere("unet-two", folder=tmp_path / "second"))


def stray(owners: Path) -> list[Path]:
    """Things in the owners' folder that no cluster has put there."""
    owners.mkdir(parents=True)
    (owners / "unet-folder").mkdir()
    (owners / "unet-binary").write_bytes(b"\xff\xfe")
    (owners / "unet-empty").write_text("")
    (owners / "notes.txt").write_text("somebody's")
    (owners / ".made-run-netns").write_text("")
    return [owners / name for name in ("unet-folder", "unet-binary", "notes.txt")]


def test_the_clusters_of_this_checkout_are_found_among_strays(owners: Path):
    stray(owners)
    ours = settings.Cluster("unet-two")
    (owners / "unet-two").write_text(str(ours.state))
    (owners / "unet-three").write_text("/another/checkout/.cluster/unet-three")
    assert teardown.of_this_checkout() == [ours]


def test_a_stray_claim_does_not_count(owners: Path, tmp_path: Path):
    stray(owners)
    for name in ("unet-binary", "unet-empty"):
        cluster = Elsewhere(name, folder=tmp_path)
        ownership.require(cluster)
        with ownership.machine():
            ownership.claim(cluster)
        assert (owners / name).read_text() == str(cluster.state)


def test_the_end_of_a_cluster_passes_strays_by(
    owners: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = stray(owners)
    monkeypatch.setattr(network, "NAMESPACES", tmp_path / "netns")
    monkeypatch.setattr(cgroups, "hierarchies", lambda: (tmp_path / "groups",))
    group = tmp_path / "groups" / "unet-two" / "an unexpected ünit" / "scope"
    group.mkdir(parents=True)
    (tmp_path / "groups" / "unet-twofold").mkdir()
    cluster = Elsewhere("unet-two", folder=tmp_path)
    for name in ("0", "01", "old", "9"):
        (cluster.state / "nodes" / name).mkdir(parents=True)
        (cluster.state / "nodes" / name / "stray").write_text("a file where folders are")
    teardown.end_everything(cluster)
    assert all(path.exists() for path in kept)
    assert not (owners / "unet-two").exists()
    assert not (tmp_path / "groups" / "unet-two").exists()
    assert (tmp_path / "groups" / "unet-twofold").exists()
    left = {path.parent.name for path in cluster.state.glob("nodes/*/stray")}
    assert left == {"01", "old"}, "only what is named as a node is one"


def test_network_namespaces_of_other_clusters_are_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(network, "NAMESPACES", tmp_path)
    ours = ["unet-control", "unet-node-0", "unet-node-11", "unet-switch"]
    others = ["unet-12", "unet-node-x", "unet-node-node-0", "unet-two-switch", "unet-node-01"]
    for name in (*ours, *others, "docker"):
        (tmp_path / name).write_text("")
    assert network.of_cluster(settings.Cluster("unet")) == ours
