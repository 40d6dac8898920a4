"""A process is known by its pid, its group and when it began; none is asked through a proxy."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubelib import cgroups, processes, settings


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Cluster:
    """A cluster whose state is under the test's folder and which needs no control groups."""
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: ())
    monkeypatch.setattr(cgroups, "is_within", lambda pid, name: True)
    return settings.Cluster("unet-two")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def record(cluster: settings.Cluster, text: str) -> None:
    """Writes the pid file of `thing`."""
    file = cluster.run / "thing.pid"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_recycled_pid_is_not_ours(cluster: settings.Cluster, sleeper: subprocess.Popen[bytes]):
    began = processes.start_time(sleeper.pid)
    record(cluster, f"{sleeper.pid} {began}")
    assert processes.pid(cluster, "thing") == sleeper.pid
    record(cluster, f"{sleeper.pid} {began - 1}")
    assert processes.pid(cluster, "thing") == 0
    assert not processes.send(cluster, "thing", signal.SIGKILL)
    processes.stop(cluster, "thing")
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "1", "x y", "1 2 3", "-1 5", "999999999 5"])
def test_a_record_that_says_nothing_sure_is_no_process(cluster: settings.Cluster, text: str):
    record(cluster, text)
    assert processes.pid(cluster, "thing") == 0


def test_a_process_of_another_group_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]
):
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    other = settings.Cluster("unet-no-such-group")
    record(other, f"{sleeper.pid} {processes.start_time(sleeper.pid)}")
    assert processes.pid(other, "thing") == 0


def test_a_started_process_is_known_again_and_stopped(cluster: settings.Cluster):
    number = processes.start(cluster, "thing", ["sleep", "60"], group="any")
    assert processes.pid(cluster, "thing") == number
    assert processes.start(cluster, "thing", ["false"], group="any") == number
    processes.stop(cluster, "thing")
    assert processes.start_time(number) == 0
    assert not (cluster.run / "thing.pid").exists()


def test_one_that_does_not_heed_is_killed(cluster: settings.Cluster):
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    number = processes.start(cluster, "thing", ["sh", "-c", deaf], group="any")
    log = processes.log_file(cluster, "thing")
    processes.wait_for("it is deaf", lambda: "deaf" in log.read_text(), 10)
    processes.stop(cluster, "thing", patience=0.1)
    assert processes.start_time(number) == 0


def test_nothing_is_started_with_a_proxy(
    cluster: settings.Cluster, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    processes.start(cluster, "thing", ["sh", "-c", "env; echo all"], group="any")
    log = processes.log_file(cluster, "thing")
    processes.wait_for("it has said all", lambda: log.read_text().endswith("all\n"), 10)
    assert "HOME=/root" in log.read_text()
    assert "http://127.0.0.1:1" not in log.read_text()
