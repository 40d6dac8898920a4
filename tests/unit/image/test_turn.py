"""Whose turn it is to stage: one at a time, and nobody waits for the dead."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from unet_image.turn import Turn, TurnLost


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def turn(path: Path, clock: Clock | None = None) -> Turn:
    """A turn whose beat never comes by itself."""
    return Turn(path, beat=1e6, stale=60, clock=clock or Clock())


def test_one_has_it_until_it_is_given_back(tmp_path: Path):
    first, second = turn(tmp_path / "a/turn"), turn(tmp_path / "a/turn")
    assert first.take()
    assert not second.take()
    first.give_back()
    assert second.take()
    second.give_back()
    assert list((tmp_path / "a").iterdir()) == []


def test_of_many_at_once_one_gets_it(tmp_path: Path):
    turns = [turn(tmp_path / "turn") for _ in range(16)]
    barrier, got = threading.Barrier(len(turns)), []

    def try_(one: Turn) -> None:
        barrier.wait()
        if one.take():
            got.append(one)

    threads = [threading.Thread(target=try_, args=(one,)) for one in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_holder_that_changes_nothing_for_a_minute_is_dead(tmp_path: Path):
    clock = Clock()
    dead, waiting = turn(tmp_path / "turn"), turn(tmp_path / "turn", clock)
    assert dead.take()
    assert not waiting.take()
    clock.now = 59
    assert not waiting.take()
    clock.now = 60
    assert waiting.take()
    with pytest.raises(TurnLost):
        dead.require()
    dead.give_back()
    waiting.require()


def test_a_holder_that_beats_lives(tmp_path: Path):
    clock, beaten = Clock(), threading.Event()

    class Beating(Turn):
        def _write(self, stream: int, count: int) -> None:
            super()._write(stream, count)
            if count:
                beaten.set()

    holder = Beating(tmp_path / "turn", beat=0.01)
    waiting = turn(tmp_path / "turn", clock)
    assert holder.take()
    assert not waiting.take()
    beaten.clear()
    assert beaten.wait(60)
    clock.now = 1000
    assert not waiting.take(), "it has changed since, whatever the clock says"
    holder.give_back()


def test_of_two_who_find_the_holder_dead_one_takes_over(tmp_path: Path):
    clock = Clock()
    dead = turn(tmp_path / "turn")
    one, other = turn(tmp_path / "turn", clock), turn(tmp_path / "turn", clock)
    assert dead.take()
    assert not one.take()
    assert not other.take()
    clock.now = 61
    assert one.take()
    assert not other.take()
    one.require()


def test_a_turn_that_was_taken_over_in_the_last_moment_is_put_back(tmp_path: Path):
    """The file changed hands between the look and the renaming."""
    path, clock = tmp_path / "turn", Clock()
    dead, quick = turn(path), turn(path)

    class Late(Turn):
        def _read(self) -> str | None:
            found = super()._read()
            if self.looks == 2 and found is not None:
                path.unlink()
                assert quick.take()
            self.looks += 1
            return found

        looks = 0

    late = Late(path, beat=1e6, stale=60, clock=clock)
    assert dead.take()
    assert not late.take()
    clock.now = 61
    assert not late.take()
    quick.require()


def test_the_turn_is_looked_at_now_and_then_while_it_is_kept(tmp_path: Path):
    clock = Clock()
    kept = Turn(tmp_path / "turn", beat=5, stale=60, clock=clock)
    clock.now = 10
    assert kept.take()
    kept.keep()
    (tmp_path / "turn").unlink()
    clock.now = 12
    kept.keep()
    clock.now = 16
    with pytest.raises(TurnLost):
        kept.keep()
    kept.give_back()


def test_no_beat_is_written_once_the_turn_is_given_back(tmp_path: Path):
    """Its file's number may be another file's by then."""
    writing, go_on = threading.Event(), threading.Event()
    written: list[bool] = []

    class Slow(Turn):
        def _write(self, stream: int, count: int) -> None:
            if count == 1:
                writing.set()
                assert go_on.wait(60)
            written.append(self._stream == stream)
            super()._write(stream, count)

    holder = Slow(tmp_path / "turn", beat=0.001)
    assert holder.take()
    assert writing.wait(60)
    giving = threading.Thread(target=holder.give_back)
    giving.start()
    go_on.set()
    giving.join(60)
    assert not giving.is_alive()
    assert all(written), "the file was still open at every beat"
    assert list(tmp_path.iterdir()) == []
