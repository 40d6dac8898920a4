"""A real control group with a limit: what is read of it, and who is killed at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from unet.system import cgroup
from unet.system.logfmt import parse_line

LIMIT = 128 << 20

WRAPPER = """
import sys
from unet.parallel.rank import run_rank, write_stdout
sys.exit(run_rank([sys.executable, "-c", sys.argv[1]], rank=1, write=write_stdout))
"""
HOG = """
hoard = []
while True:
    hoard.append(b"1" * (1 << 20))
"""


@pytest.fixture
def enter():
    """Puts a child between fork and exec into a group of its own with a limit."""
    own = cgroup.control_group(cgroup.PROC, "memory")
    if own is None:
        pytest.skip("no memory control group here")
    group = own.folder / f"unet-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        name = "memory.max" if own.unified else "memory.limit_in_bytes"
        try:
            (group / name).write_text(str(LIMIT))
        except OSError as error:
            pytest.skip(f"no limit can be set here: {error}")
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid()))
    finally:
        group.rmdir()


def run(words: list[str], enter: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", *words], preexec_fn=enter, capture_output=True, text=True
    )


def test_limit_of_the_group_is_what_there_is(enter):
    done = run(["from unet.system.cgroup import *; print(memory_limit_bytes())"], enter)
    assert int(done.stdout) == LIMIT
    done = run(["from unet.system.cgroup import *; print(memory_available_bytes())"], enter)
    assert 0 < int(done.stdout) <= LIMIT


def test_rank_that_takes_too_much_is_killed_and_its_wrapper_lives_to_say_so(enter):
    done = run([WRAPPER, HOG], enter)
    assert done.returncode == 14, done.stderr
    event = parse_line(done.stdout.splitlines()[-1])
    assert event == {
        "event": "exit",
        "rank": "1",
        "code": "14",
        "cause": "out of memory",
        "signal": "9",
    }


def test_rank_killed_by_hand_in_the_same_group_is_not_taken_for_one(enter):
    done = run([WRAPPER, "import os; os.kill(os.getpid(), 9)"], enter)
    assert done.returncode == 1
    assert parse_line(done.stdout.splitlines()[-1])["cause"] == "killed by signal 9"
