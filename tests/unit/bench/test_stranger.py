"""What a command leaves on the machine is told by folder, its minutes by step."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import stranger


def test_the_seconds_of_a_step_run_to_the_next():
    printed = [
        (0.2, "packages"),
        (1.0, "== build"),
        (3.5, "a line"),
        (61.0, "== train"),
        (90.0, ""),
    ]
    assert stranger.steps(printed) == {"before": 1.0, "build": 60.0, "train": 29.0}


def test_files_that_changed_are_counted_by_folder_except_the_clones(tmp_path: Path):
    began = time.time() - 1
    clone, other = tmp_path / "clone", tmp_path / "other"
    for folder in (clone, other):
        folder.mkdir()
        (folder / "new").write_bytes(bytes(10_000))
    files = {path for path, _ in stranger.changed_files(began, clone, tmp_path)}
    assert other / "new" in files
    assert clone / "new" not in files
    sizes = stranger.by_folder(
        iter([(Path("/a/b/c/d/e"), 5), (Path("/a/b/c/f"), 7), (Path("/g"), 1)])
    )
    assert sizes == {"/a/b/c": {"files": 2, "bytes": 12}, "/": {"files": 1, "bytes": 1}}


def test_lines_keep_their_second_and_the_exit_code(tmp_path: Path):
    code, printed = stranger.run([sys.executable, "-c", "print('hello'); exit(3)"], tmp_path)
    assert code == 3
    assert [line for _, line in printed] == ["hello", "(ended)"]


def test_a_missing_program_tells_nothing():
    assert stranger.lines("no-such-program-here") == set()
