"""Debian packages are listed and asked for, and never changed unasked; with a stand-in for apt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from machinelib import needs, packages
from machinelib.text import Problem

ADDS = "Inst buildah (1.28 Debian [amd64])\nInst libgpgme11 (1.18 Debian [amd64])\n"
CHANGES = ADDS + "Inst passwd [1:4.13-deb12u1] (1:4.13-deb12u2 Debian [amd64])\n"
SHOWN = (
    "Package: buildah\nVersion: 1.28\nInstalled-Size: 20000\nSize: 6000000\n\n"
    "Package: libgpgme11\nVersion: 1.18\nInstalled-Size: 300\nSize: 150000\n"
)
APT = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"-s "*) if [ -f "$CALLS.updated" ]; then cat "$AFTER"; else cat "$BEFORE"; fi;;
  update*) touch "$CALLS.updated";; esac
"""


class Apt:
    """What apt-get would do before and after `update`, and what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = folder / "calls"
        self.before, self.after = folder / "before", folder / "after"
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setenv("CALLS", str(self.calls))
        monkeypatch.setenv("BEFORE", str(self.before))
        monkeypatch.setenv("AFTER", str(self.after))
        (folder / "shown").write_text(SHOWN)
        for name, text in (("apt-get", APT), ("apt-cache", f"#!/bin/sh\ncat {folder}/shown\n")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.would(ADDS)

    def would(self, before: str, after: str | None = None) -> None:
        self.before.write_text(before)
        self.after.write_text(before if after is None else after)

    def changed_something(self) -> bool:
        """Whether it was asked to do more than to simulate."""
        asked = self.calls.read_text().splitlines() if self.calls.exists() else []
        return any(" -s " not in f" {words} " and words != "update -q" for words in asked)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    lacking = needs.Need("buildah", "makes images", lambda: False)
    monkeypatch.setattr(needs, "TASKS", {"images": (lacking,)})
    return Apt(tmp_path, monkeypatch)


def test_nothing_is_asked_of_apt_when_nothing_is_missing(apt: Apt, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(needs, "TASKS", {"images": (needs.Need("make", "", lambda: True),)})
    packages.require("images", {})
    assert not apt.calls.exists()


@pytest.mark.parametrize("environment", [{}, {"CI": "true"}, {"UNET_INSTALL": ""}])
def test_without_consent_the_list_and_the_command_are_all(
    apt: Apt, capsys: pytest.CaptureFixture[str], environment: dict[str, str]
):
    with pytest.raises(Problem, match="UNET_INSTALL=yes") as refused:
        packages.require("images", environment)
    assert "apt-get install --no-install-recommends --no-upgrade buildah" in str(refused.value)
    listed = capsys.readouterr().out
    assert "buildah" in listed
    assert "makes images" in listed
    assert "libgpgme11" in listed
    assert "to fetch 6 MB, on disk 21 MB; nothing that is installed changes" in listed
    assert not apt.changed_something()


def test_with_consent_what_was_listed_is_added(apt: Apt):
    packages.require("images", {"UNET_INSTALL": "yes"})
    (last,) = apt.calls.read_text().splitlines()[-1:]
    assert last.startswith("install --no-install-recommends --no-upgrade")
    assert "--no-remove" in last
    assert last.endswith("buildah")


@pytest.mark.parametrize("before", [ADDS, CHANGES], ids=["after the update", "from the start"])
def test_yes_changes_no_installed_package(apt: Apt, before: str):
    apt.would(before, CHANGES)
    with pytest.raises(Problem, match=r"passwd 1:4.13-deb12u1 to .* UNET_INSTALL=upgrade"):
        packages.require("images", {"UNET_INSTALL": "yes"})
    assert not apt.changed_something()


def test_upgrade_allows_what_apt_insists_on(apt: Apt):
    apt.would(CHANGES)
    packages.require("images", {"UNET_INSTALL": "upgrade"})
    assert apt.changed_something()


def test_nothing_is_ever_removed(apt: Apt):
    apt.would(ADDS + "Remv docker.io [1.0]\n")
    with pytest.raises(Problem, match=r"would remove docker\.io"):
        packages.require("images", {"UNET_INSTALL": "upgrade"})
    assert not apt.changed_something()


def test_an_unknown_word_is_no_consent(apt: Apt):
    with pytest.raises(Problem, match="neither yes nor upgrade"):
        packages.require("images", {"UNET_INSTALL": "1"})
    assert not apt.changed_something()


def test_only_root_adds_packages(apt: Apt, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Problem, match="only root may add packages"):
        packages.require("images", {"UNET_INSTALL": "yes"})
    assert not apt.changed_something()


def test_the_demo_asks_for_no_ssh_server_and_no_tool_of_tests():
    asked = {need.package for need in needs.TASKS["demo"]}
    assert not asked & {"openssh-server", "openssh-client", "shellcheck", "nftables", "tini"}
    assert "openssh-server" not in {n.package for task in needs.TASKS.values() for n in task}


def test_all_that_the_cluster_needs_is_on_the_list():
    from kubelib.build import PACKAGES

    assert set(PACKAGES.values()) <= {need.package for need in needs.TASKS["demo"]}
