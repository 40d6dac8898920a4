"""The first look: one core's work beside the builds, kept where the user is told it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from demolib import first_look, install
from demolib.output import MARKER


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's folder; the work folder holds what an evaluation leaves."""
    scores = tmp_path / "work/scores"
    (scores / "overlays").mkdir(parents=True)
    (scores / "overlays/a.png").write_text("picture")
    (scores / "report.html").write_text("page")
    monkeypatch.setattr(first_look, "WORK", tmp_path / "work")
    monkeypatch.setattr(first_look, "OUTPUT", tmp_path / "out")
    monkeypatch.setattr(first_look, "PICTURE", tmp_path / "out/first-look/overlay.png")
    return tmp_path / "out"


def test_the_picture_is_kept_and_said(output: Path, capsys: pytest.CaptureFixture[str]):
    first_look.keep()
    assert (output / "first-look/overlay.png").read_text() == "picture"
    assert (output / "first-look/report.html").read_text() == "page"
    assert sorted(path.name for path in output.iterdir()) == [MARKER, "first-look"]
    assert str(output / "first-look/overlay.png") in capsys.readouterr().out
    assert not first_look.WORK.exists()


def test_it_waits_for_the_environment_alone_and_its_failure_is_nobody_s(output: Path):
    lane = first_look.lane(after=("images", 1))
    assert [command[3] for command in lane.commands] == ["phantom", "train", "evaluate"]
    assert not lane.needed
    assert not first_look.WORK.exists()


@pytest.mark.parametrize(
    ("built", "wanted", "names"),
    [
        (False, True, ["images", "cluster", "first look"]),
        (False, False, ["images", "cluster"]),
        (True, True, ["images", "cluster"]),
    ],
    ids=["cold", "no room", "all is built"],
)
def test_it_is_for_those_who_wait(
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    built: bool,
    wanted: bool,
    names: list[str],
):
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(first_look, "wanted", lambda: wanted)
    if built:
        (tmp_path / ".cluster/bin").mkdir(parents=True)
        (tmp_path / ".cluster/bin/kubernetes").touch()
    assert [lane.name for lane in install.lanes()] == names


def test_the_user_can_leave_it_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FIRST_LOOK", "no")
    assert not first_look.wanted()


def test_it_is_left_out_where_memory_is_short(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(first_look, "MEMORY", 1 << 60)
    assert not first_look.wanted()
