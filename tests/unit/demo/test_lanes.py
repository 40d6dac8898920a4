"""Commands side by side: their lines are told apart, and none outlives another's failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from demolib.commands import Failed
from demolib.lanes import Lane, Lanes


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def test_every_line_says_whose_it_is(capsys: pytest.CaptureFixture[str]):
    Lanes([Lane("images", (sh("echo a"), sh("echo b"))), Lane("cluster", (sh("echo c"),))]).run()
    words = [line.split()[1:] for line in capsys.readouterr().out.splitlines()]
    assert sorted(words) == [["cluster", "c"], ["images", "a"], ["images", "b"]]


def test_they_run_at_the_same_time(tmp_path: Path):
    for name in ("one", "two"):
        subprocess.run(["mkfifo", tmp_path / name], check=True)
    meets = f"echo > {tmp_path}/one & cat {tmp_path}/two"
    other = f"cat {tmp_path}/one; echo > {tmp_path}/two"
    Lanes([Lane("a", (sh(meets),)), Lane("b", (sh(other),))]).run()


def test_a_lane_can_wait_for_a_step_of_another(tmp_path: Path):
    first = (sh(f"echo made > {tmp_path}/it"), sh("true"))
    after = Lane("b", (sh(f"cp {tmp_path}/it {tmp_path}/copy"),), after=("a", 1))
    Lanes([after, Lane("a", first)]).run()
    assert (tmp_path / "copy").exists()


def test_a_failure_ends_the_others_and_what_they_started(tmp_path: Path):
    for name in ("begun", "ended"):
        subprocess.run(["mkfifo", tmp_path / name], check=True)
    # The grandchild holds `ended` open until it is gone.
    long = f"(exec 3> {tmp_path}/ended; sleep 1000) & echo > {tmp_path}/begun; wait"
    fails = f"cat {tmp_path}/begun; exec 4< {tmp_path}/ended; echo no room; exit 3"
    lanes = Lanes([Lane("a", (sh(long),)), Lane("b", (sh(fails),)), Lane("c", (), after=("a", 1))])
    with pytest.raises(Failed, match=r"^b: .* ended with code 3: no room"):
        lanes.run()
    assert not lanes.running


def test_what_is_not_needed_may_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    subprocess.run(["mkfifo", tmp_path / "told"], check=True)

    class Told(Lanes):
        def say(self, lane: Lane, text: str) -> None:
            super().say(lane, text)
            (tmp_path / "told").write_text("")

    done: list[int] = []
    extra = Lane("look", (sh("echo broken; exit 1"),), needed=False, then=lambda: done.append(1))
    Told([Lane("a", (sh(f"cat {tmp_path}/told"),)), extra]).run()
    assert "look  did not succeed (ended with code 1: broken)" in capsys.readouterr().out
    assert not done


def test_an_interrupt_ends_all():
    script = (
        "import sys; from demolib.lanes import Lane, Lanes\n"
        "Lanes([Lane('a', (('sh', '-c', 'echo ready; exec sleep 1000'),))]).run()"
    )
    demo = Path(__file__).resolve().parents[3] / "demo"
    with subprocess.Popen(
        # A shell without job control has its children ignore the signal; a terminal does not.
        ["env", "--default-signal=INT", sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(demo)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0


def test_what_is_not_needed_ends_with_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("begun", "ended"):
        subprocess.run(["mkfifo", tmp_path / name], check=True)
    done: list[int] = []
    long = f"(exec 3> {tmp_path}/ended; sleep 1000) & echo > {tmp_path}/begun; wait"
    needed = f"cat {tmp_path}/begun; exec 4< {tmp_path}/ended"
    late = Lane("late", (sh("echo late"),), after=("look", 1), needed=False)
    look = Lane("look", (sh(long),), needed=False, then=lambda: done.append(1))
    lanes = Lanes([look, late, Lane("a", (sh(needed),))])
    lanes.run()
    assert not lanes.running
    assert not done
    assert "look" not in capsys.readouterr().out
