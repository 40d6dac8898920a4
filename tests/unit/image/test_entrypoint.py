"""The training image's entry points, without a container."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys

import pytest
from unet_image import account, processes, worker
from unet_image.__main__ import launch_arguments

from unet.system.errors import UsageError


def test_home_is_private_and_the_uid_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1_000_650_000)
    monkeypatch.setattr(os, "getgid", lambda: 0)
    for name in ("HOME", "USER", "LOGNAME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "before")
    home = account.prepare(tmp_path)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert os.environ["HOME"] == str(home)
    entry = (tmp_path / ".nss" / "passwd").read_text().split(":")
    # Group 0 would make libnss-extrausers drop the entry.
    assert entry[:6] == ["unet", "x", "1000650000", "100", "unet", str(home)]


def test_uid_of_the_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 101)
    with pytest.raises(UsageError, match="runAsUser: 101; give a uid of 500 or more"):
        account.prepare(tmp_path)


def test_missing_home_volume_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 65532)
    with pytest.raises(UsageError, match="mount an emptyDir there"):
        account.prepare(tmp_path / "absent" / "home")


@pytest.mark.parametrize("text", ["{}", "[1]", "nonsense", None])
def test_wrong_launch_arguments_are_named(tmp_path, text):
    path = tmp_path / "launch.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(str(path))):
        launch_arguments(path)


def test_launch_arguments_keep_every_character(tmp_path):
    (tmp_path / "launch.json").write_text('["--", "train", "$(HOME) a\\nb"]')
    assert launch_arguments(tmp_path / "launch.json") == ["--", "train", "$(HOME) a\nb"]


def test_worker_names_the_key_that_is_missing(tmp_path):
    (tmp_path / "ssh_host_ed25519_key").write_text("key")
    with pytest.raises(UsageError, match="authorized_keys"):
        worker.install_keys(tmp_path, tmp_path)


def test_only_the_public_key_is_copied(tmp_path):
    keys, home = tmp_path / "keys", tmp_path / "home"
    keys.mkdir(), home.mkdir()
    (keys / "ssh_host_ed25519_key").write_text("private")
    (keys / "authorized_keys").write_text("public")
    worker.install_keys(home, keys)
    assert [p.name for p in (home / ".ssh").iterdir()] == ["authorized_keys"]
    assert stat.S_IMODE((home / ".ssh" / "authorized_keys").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("line", "noise"),
    [
        ("error: kex_exchange_identification: Connection closed by remote host", True),
        ("Connection closed by 10.0.0.1 port 4000", True),
        ("Accepted publickey for unet from 10.0.0.1", False),
        ("error: Could not load host key", False),
    ],
)
def test_probes_leave_no_trace_and_errors_do(line, noise):
    assert bool(worker.PROBE_NOISE.search(line)) is noise


def test_ranks_are_found_told_and_waited_for():
    script = "import signal, sys; print(1, flush=True); signal.pause()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "-m", "unet", "rank"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()

    def wanted(words: list[bytes]) -> bool:
        return words[1:2] == [b"-c"] and words[2:3] == [script.encode()]

    found = processes.find(wanted)
    assert found == [process.pid]
    assert not processes.wait_gone(found, 0.01)
    processes.send(found, signal.SIGTERM)
    assert processes.wait_gone(found, 30)
    assert process.wait() == -signal.SIGTERM


@pytest.mark.parametrize(
    ("command", "rank", "hydra"),
    [
        ("/opt/unet/bin/python -m unet rank -- train", True, False),
        ("/opt/unet/bin/python -m unet train --data_path rank", False, False),
        ("/opt/unet/bin//hydra_pmi_proxy --usize -1", False, True),
    ],
)
def test_processes_are_told_apart(command, rank, hydra):
    words = [word.encode() for word in command.split()]
    assert (processes.is_rank(words), processes.is_hydra(words)) == (rank, hydra)
