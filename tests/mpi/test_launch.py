"""Ranks on several hosts: real mpiexec.hydra, real ssh, real Horovod."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
from pathlib import Path

import pytest

from unet.system.logfmt import parse_line

pytestmark = pytest.mark.mpi
PATIENCE = 900  # seconds; two ranks import TensorFlow on busy cores


@pytest.fixture
def folder(cluster, tmp_path):
    (cluster.folder / "termination-log").unlink(missing_ok=True)
    return tmp_path


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()
        output, _ = process.communicate(timeout=30)
        pytest.fail(f"still running after {PATIENCE} s:\n{output}")
    print(output)
    return process.returncode, output.splitlines()


def exits(lines: list[str]) -> dict[int, dict[str, str]]:
    events = [e for e in map(parse_line, lines) if e and e.get("event") == "exit"]
    return {int(event["rank"]): event for event in events}


def message(cluster) -> dict[str, object]:
    return json.loads((cluster.folder / "termination-log").read_text())


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(wanted):
            return lines
    pytest.fail("ended early:\n" + "\n".join(lines))


def children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def ended(pidfd: int) -> bool:
    """Whether the process ends; waits for it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(30_000))


def rank_wrappers(folder: Path) -> dict[int, int]:
    """Process ids of the wrappers whose command names `folder`, by rank."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[1:4] == [b"-m", b"unet", b"rank"] and os.fsencode(folder) in words:
            rank = next(v for v in environment if v.startswith(b"PMI_RANK="))
            found[int(rank.partition(b"=")[2])] = int(process.name)
    return found


def test_two_hosts_compute_the_same(cluster, folder):
    code, lines = finish(cluster.launch("train", "--mode", "collectives"))
    assert code == 0
    said = dict(line.split(" ", 1) for line in lines if re.match(r"rank-\d ", line))
    assert said["rank-0"] == said["rank-1"]
    # weights 1, 2 from rank 0; x is 1 on rank 0 and 2 on rank 1; the loss (Σ w·x)² has the
    # gradient 2·(Σ w·x)·Σx = 2 · 9 · 3 over both ranks.
    assert said["rank-0"] == (
        "size=2 weights=[1.0, 2.0] gradient=[54.0, 54.0] mean=[1.5, 1.5, 1.5] sum=[3, 20] "
        "average=0.5 any=True none=False items=[{rank: 0, text: }, {rank: 1, text: é}]"
    )
    assert lines[0].startswith("mpirun -n 2 -machinefile ")
    assert {rank: event["code"] for rank, event in exits(lines).items()} == {0: "0", 1: "0"}
    assert message(cluster)["code"] == 0


def test_killed_rank_is_reported_and_the_launch_says_peer_lost(cluster, folder):
    process = cluster.launch("train", "--mode", "run", "--folder", str(folder))
    before = lines_until(process, "epoch=1/40")
    wrappers = rank_wrappers(folder)
    (child,) = children(wrappers[1])
    os.kill(child, signal.SIGKILL)
    code, lines = finish(process)
    event = exits(before + lines)[1]
    assert (event["code"], event["cause"]) == ("1", "killed by signal 9")
    assert code == 13
    told = message(cluster)
    assert (told["rank"], told["cause"]) == (1, "rank 1: killed by signal 9")
    assert (told["epoch"], told["epochs"], told["validationDice"]) == (1, 40, 0.25)
    assert not rank_wrappers(folder)


def test_killed_wrapper_takes_its_rank_along_and_counts_as_lost(cluster, folder):
    process = cluster.launch("train", "--mode", "run", "--folder", str(folder))
    lines_until(process, "epoch=1/40")
    wrapper = rank_wrappers(folder)[1]
    (child,) = children(wrapper)
    watch = os.pidfd_open(child)
    os.kill(wrapper, signal.SIGKILL)
    code, _ = finish(process)
    assert code == 13
    assert ended(watch)


def test_terminated_launch_checkpoints_on_every_rank(cluster, folder):
    process = cluster.launch("train", "--mode", "run", "--folder", str(folder))
    lines_until(process, "epoch=1/40")
    process.send_signal(signal.SIGTERM)
    code, lines = finish(process)
    assert code == 143
    assert {rank: event["code"] for rank, event in exits(lines).items()} == {0: "143", 1: "143"}
    steps = {(folder / f"checkpoint-{rank}").read_text() for rank in (0, 1)}
    assert len(steps) == 1


def test_terminated_rank_stops_all_with_a_checkpoint(cluster, folder):
    process = cluster.launch("train", "--mode", "run", "--folder", str(folder))
    lines_until(process, "epoch=1/40")
    os.kill(rank_wrappers(folder)[1], signal.SIGTERM)
    code, _ = finish(process)
    assert code == 143
    assert (folder / "checkpoint-0").exists()


def test_error_of_one_rank_is_the_code_of_the_launch(cluster, folder):
    code, _ = finish(cluster.launch("train", "--mode", "data", "--folder", str(folder)))
    told = message(cluster)
    assert code == 10
    assert (told["where"], told["cause"]) == ("imagesTr/a.nii.gz", "truncated")
    assert told["remedy"] == "download it again"


def test_crash_of_one_rank_is_not_taken_for_a_lost_peer(cluster, folder):
    code, _ = finish(cluster.launch("train", "--mode", "crash", "--folder", str(folder)))
    assert code == 1
    assert message(cluster)["cause"] == "rank 1: crashed with code 1"


def test_unreachable_host_is_named(cluster, folder):
    hostfile = folder / "hosts"
    hostfile.write_text("127.0.0.2:1\nno-such-host.invalid:1\n")
    options = ("--hostfile", str(hostfile))
    code, _ = finish(cluster.launch("train", "--mode", "names", options=options))
    assert code == 1
    assert "no-such-host.invalid" in str(message(cluster)["cause"])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change a name in a namespace")
def test_launcher_whose_name_nobody_can_resolve_is_reached(cluster, folder):
    rename = ("unshare", "--uts", "sh", "-c", 'hostname nowhere && exec "$@"', "sh")
    code, lines = finish(cluster.launch("train", "--mode", "names", under=rename))
    assert code == 0
    assert "names=2 local=0" in lines


def test_seventeen_hosts_are_started_by_the_launcher_itself(cluster, folder):
    log = folder / "logins"
    wrapper = folder / "ssh"
    wrapper.write_text(f'#!/bin/sh\necho "$PPID $@" >> {log}\nexec {cluster.ssh} "$@"\n')
    wrapper.chmod(0o755)
    process = cluster.launch("rank-hosts", hosts=17, options=("--ssh", str(wrapper)))
    code, lines = finish(process)
    started = {e["rank"] for e in map(parse_line, lines) if e and e.get("event") == "start"}
    assert len(started) == 17
    assert code == 2  # no such command: what matters here is who logged in where
    logins = log.read_text().splitlines()
    assert len(logins) == 17
    assert len({login.split()[0] for login in logins}) == 1
