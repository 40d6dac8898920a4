"""The preflight: one list in a few seconds, a remedy beside all that is missing, exit code 2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from machinelib import needs, places, preflight
from machinelib.preflight import Line

MACHINE = Path(__file__).resolve().parents[3] / "setup/machine"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(MACHINE), *arguments]
    known = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    return subprocess.run(command, env=known | environment, capture_output=True, text=True)


def states(lines: Iterator[Line]) -> list[str]:
    return [line.state for line in lines]


def test_the_list_is_printed_and_its_end_is_the_exit_code(tmp_path: Path):
    done = run("preflight", "setup", UNET_CACHE=str(tmp_path))
    assert done.stdout.startswith("What `make setup` needs of this machine:\n")
    assert "Python 3.11" in done.stdout
    assert done.returncode == (2 if "✗" in done.stdout or "NO " in done.stdout else 0)


def test_a_program_that_is_missing_is_named_with_its_remedy(tmp_path: Path):
    for program in ("bash", "du", "env"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    done = run("preflight", "demo", PATH=str(tmp_path), UNET_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 2
    assert "not found\n" in done.stdout
    assert "https://go.dev/dl" in done.stdout
    assert "buildah" in done.stdout


def test_an_older_go_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "go").write_text("#!/bin/sh\necho go1.22.1\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    line = preflight.go()
    assert (line.state, line.found) == ("missing", "go1.22.1")


def test_room_is_asked_file_system_by_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    free = shutil.disk_usage(tmp_path).free
    too_much = places.Place("images", tmp_path / "new/folder", free + 10**12, lambda: False)
    monkeypatch.setattr(places, "of_task", lambda _task: [too_much])
    (line,) = preflight.disk("demo")
    assert line.state == "missing"
    assert f"free on {places.mount_point(tmp_path)}, " in line.found
    assert "images" in line.found
    assert "make clean" in line.remedy


def test_what_is_there_takes_no_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    filled = places.Place("images", tmp_path, 10**15, lambda: True)
    monkeypatch.setattr(places, "of_task", lambda _task: [filled])
    assert states(preflight.disk("demo")) == ["ok"]


def test_a_proxy_for_downloads_is_noted_when_loopback_would_use_it():
    assert list(preflight.loopback({})) == []
    (line,) = preflight.loopback({"https_proxy": "http://proxy:3128", "no_proxy": "internal"})
    assert line.state == "note"
    assert "no_proxy=127.0.0.1" in line.remedy
    exempt = {"https_proxy": "http://proxy:3128", "no_proxy": "127.0.0.1, localhost"}
    assert states(preflight.loopback(exempt)) == ["ok"]


def test_an_exported_kubeconfig_is_left_alone_and_that_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(needs, "missing", lambda _task: {})
    lines = list(preflight.ask("test", preflight.Cluster(), {"KUBECONFIG": "/home/me/config"}))
    (line,) = [line for line in lines if line.what == "KUBECONFIG"]
    assert "left alone" in line.found
    assert "CLUSTER=" in line.remedy
