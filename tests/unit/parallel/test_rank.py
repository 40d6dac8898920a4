"""The wrapper of a rank: its event, its code, its signals."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unet.parallel.rank import classify, rank_of, run_rank
from unet.system.errors import ExitCode
from unet.system.logfmt import parse_line


def run(script: str, kills: tuple[int, int] = (0, 0)) -> tuple[int, list[str]]:
    lines: list[str] = []
    counts = iter(kills)
    code = run_rank(
        [sys.executable, "-c", script],
        rank=3,
        write=lambda line: lines.append(line.decode()),
        oom_kills=lambda: next(counts),
    )
    return code, lines


@pytest.mark.parametrize("code", [2, 10, 11, 12, 13, 14, 143])
def test_documented_codes_pass_unchanged(code):
    assert classify(code, oom_kills=0, forwarded=None).code == code


@pytest.mark.parametrize(
    ("returncode", "kills", "forwarded", "code", "cause"),
    [
        (0, 0, None, 0, ""),
        (1, 0, None, 1, "crashed with code 1"),
        (3, 2, None, 1, "crashed with code 3"),
        (-9, 1, None, 14, "out of memory"),
        (137, 1, None, 14, "out of memory"),
        (-9, 0, None, 1, "killed by signal 9"),
        (-11, 1, None, 1, "killed by signal 11"),
        (-15, 0, 15, 143, "terminated before a checkpoint"),
        (-15, 0, None, 1, "killed by signal 15"),
        (130, 0, 2, 143, "terminated before a checkpoint"),
    ],
)
def test_every_other_end_is_named(returncode, kills, forwarded, code, cause):
    end = classify(returncode, oom_kills=kills, forwarded=forwarded)
    assert (end.code, end.cause) == (code, cause)


def test_every_code_of_the_contract_has_a_cause():
    for code in ExitCode:
        assert classify(code, oom_kills=0, forwarded=None).code == code


def test_lines_are_passed_on_and_the_exit_is_last():
    code, lines = run("print('epoch=1/2'); print('no end', end=''); raise SystemExit(10)")
    assert code == 10
    assert lines[1:] == [
        "epoch=1/2\n",
        "no end\n",
        'event=exit rank=3 code=10 cause="wrong data"\n',
    ]
    assert parse_line(lines[0])["event"] == "start"


def test_killed_child_is_reported():
    code, lines = run("import os; os.kill(os.getpid(), 9)")
    assert code == 1
    assert parse_line(lines[-1]) == {
        "event": "exit",
        "rank": "3",
        "code": "1",
        "cause": "killed by signal 9",
        "signal": "9",
    }


def test_kill_for_memory_is_told_from_others_by_the_count():
    code, lines = run("import os; os.kill(os.getpid(), 9)", kills=(4, 5))
    assert code == 14
    assert parse_line(lines[-1])["cause"] == "out of memory"


def test_line_of_a_process_left_behind_does_not_hold_the_exit_back():
    code, _ = run(
        "import subprocess, sys\n"
        "nap = 'import signal; signal.alarm(20); signal.pause()'\n"
        "subprocess.Popen([sys.executable, '-c', nap])"
    )
    assert code == 0


WRAPPER = (
    "import sys\n"
    "from unet.parallel.rank import run_rank, write_stdout\n"
    "sys.exit(run_rank([sys.executable, '-c', sys.argv[1]], rank=0, write=write_stdout))"
)


def start_wrapper(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRAPPER, script], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return process
    raise AssertionError("ended early")


def test_term_reaches_the_child_which_may_save():
    process = start_wrapper(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "print('ready', flush=True)\n"
        "signal.pause()"
    )
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert parse_line(output) == {
        "event": "exit",
        "rank": "0",
        "code": "143",
        "cause": "terminated",
    }


def test_child_of_a_killed_wrapper_dies_with_it():
    process = start_wrapper(
        "import os, signal; print('ready', os.getpid(), flush=True); signal.pause()"
    )
    assert process.stdout is not None
    # /proc names the child; the wrapper has exactly one.
    child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    watch = os.pidfd_open(child)
    process.kill()
    process.wait()
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    assert poll.poll(30_000), "the child lives on"


def test_closed_output_does_not_lose_the_code():
    process = start_wrapper(
        "import signal, sys\n"
        "def end(*_):\n    print('a line for nobody', flush=True)\n    sys.exit(12)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "signal.pause()"
    )
    assert process.stdout is not None
    process.stdout.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 12


def test_rank_is_what_mpirun_says():
    assert rank_of({"PMI_RANK": "2"}) == 2
    assert rank_of({"OMPI_COMM_WORLD_RANK": "1"}) == 1
    assert rank_of({}) == 0


def test_wrapper_leaves_main_threads_signals_as_they_were():
    assert threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    run("pass")
    assert signal.getsignal(signal.SIGTERM) is before
