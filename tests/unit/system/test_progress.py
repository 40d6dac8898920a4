"""What is said while training: to programs, to people at a terminal, and at the end."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import subprocess
import sys

import pytest

from unet.system import progress as module
from unet.system.logfmt import parse_line
from unet.system.progress import LARGEST_MESSAGE, Reporter, short_duration, write_summary


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (41.6, "42s"), (200, "3m20s"), (7500, "2h05m"), (3599.9, "1h00m")],
)
def test_durations_have_two_units_at_most(seconds, text):
    assert short_duration(seconds) == text


def test_epoch_is_a_line_that_leaves_out_what_is_not_known(capsys):
    Reporter().epoch(3, 40, loss=0.412, val_dice=None, samples_per_s=3.2, eta="12m00s")
    assert capsys.readouterr().out == "epoch=3/40 loss=0.412 samples_per_s=3.2 eta=12m00s\n"


def test_steps_within_an_interval_are_not_all_told(capsys, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    reporter = Reporter()
    for step in range(1, 41):
        reporter.step(1, 2, step, 40, loss="0.5")
        clock[0] += 1
    lines = [parse_line(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["step"] for line in lines] == ["1/40", "16/40", "31/40"]


@pytest.fixture
def clock(monkeypatch):
    """Seconds as a test says."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def told(capsys):
    return [parse_line(line) for line in capsys.readouterr().out.splitlines()]


def test_epochs_of_a_second_are_told_at_a_human_pace(capsys, clock, tmp_path):
    reporter = Reporter(tmp_path / "log.jsonl")
    for epoch in range(1, 61):
        reporter.hold("checkpoint", epoch=epoch)
        reporter.epoch(epoch, 60, best=epoch in (22, 27, 28), loss=0.5)
        clock[0] += 1
    lines = told(capsys)
    epochs = [line["epoch"] for line in lines if "event" not in line]
    assert epochs == [f"{n}/60" for n in (1, 11, 21, 27, 37, 47, 57, 60)]
    saved = [line["epoch"] for line in lines if line.get("event") == "checkpoint"]
    assert saved == [epoch.split("/")[0] for epoch in epochs]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 60


def test_no_interval_passes_in_silence_while_steps_are_taken(capsys, clock):
    reporter, said = Reporter(), []
    for epoch in range(1, 41):
        for step in range(1, 5):
            clock[0] += 0.5
            reporter.step(epoch, 40, step, 4)
            said += [clock[0]] * len(told(capsys))
        reporter.epoch(epoch, 40)
        said += [clock[0]] * len(told(capsys))
    assert max(later - sooner for sooner, later in itertools.pairwise(said)) <= 15


def test_what_is_held_is_told_with_the_next_line_or_at_the_end(capsys):
    reporter = Reporter()
    reporter.hold("checkpoint", epoch=1)
    reporter.hold("checkpoint", epoch=2)
    assert capsys.readouterr().out == ""
    reporter.event("done", code=0)
    assert capsys.readouterr().out == "event=checkpoint epoch=2\nevent=done code=0\n"
    reporter.hold("checkpoint", epoch=3)
    reporter.close()
    assert capsys.readouterr().out == "event=checkpoint epoch=3\n"


class Bar:
    """Takes note of where a bar stands."""

    def __init__(self):
        self.titles, self.stands, self.console = [], [], self

    def add_task(self, title, total, facts):
        self.total = total
        self.titles.append(title)
        return 0

    def update(self, _, description, completed, facts):
        self.titles.append(description)
        self.stands.append(completed / self.total)

    def print(self, *_, **__):
        pass

    def stop(self):
        pass


def test_one_bar_is_of_the_whole_run_and_never_goes_back(capsys, clock):
    reporter = Reporter.of_rank(0)
    reporter._bar = bar = Bar()
    for stage in ("preflight", "preprocess"):
        for done in range(5):
            reporter.stage(stage, done, 4, 99.0)
    for epoch in (1, 2, 2, 3, 4):  # one is rolled back
        for step in range(1, 11):
            reporter.step(epoch, 4, step, 10)
        reporter.stage("validate", 1, 3, 99.0)
        reporter.epoch(epoch, 4)
    assert bar.stands == sorted(bar.stands)
    assert bar.stands[-1] == 1.0
    assert 0.5 < bar.stands[40] < 0.7
    assert {"preflight", "preprocess", "epoch 4/4", "validate"} <= set(bar.titles)


def test_only_rank_0_speaks_and_keeps_the_log(capsys, tmp_path):
    other = Reporter.of_rank(1, tmp_path / "log.jsonl")
    other.event("plan", epochs=3)
    other.stage("preprocess", 1, 2, 0.0)
    other.step(1, 2, 3, 4)
    other.epoch(1, 2, loss=0.5)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "log.jsonl").exists()


def test_log_holds_a_record_per_epoch_until_the_run_begins_anew(tmp_path):
    reporter = Reporter(tmp_path / "log.jsonl")
    reporter.epoch(1, 2, loss=0.5, val_dice=None)
    reporter.epoch(2, 2, loss=0.4, val_dice=0.7)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"epoch": 1, "epochs": 2, "loss": 0.5},
        {"epoch": 2, "epochs": 2, "loss": 0.4, "val_dice": 0.7},
    ]
    reporter.clear()
    assert not (tmp_path / "log.jsonl").exists()


BAR = """
from unet.system.progress import Reporter
reporter = Reporter()
reporter.event("plan", epochs=2)
reporter.epoch(1, 2, loss=0.5, val_dice=0.713)
reporter.step(2, 2, 30, 40, loss="0.4321", samples_per_s="3.2", eta="12m00s")
reporter.close()
"""


def test_terminal_shows_a_bar_with_epoch_loss_dice_speed_and_eta():
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", BAR], stdout=theirs, env=os.environ | {"COLUMNS": "200"}
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
    os.close(ours)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert "event=plan epochs=2" in text
    bar = text.replace("\r", "\n").splitlines()[-1] or text
    for part in ("epoch 2/2", "loss=0.4321", "val_dice=0.713", "samples_per_s=3.2", "eta=12m00s"):
        assert part in bar
    assert "\u2501" in text  # the bar itself


def test_summary_fits_a_termination_message_whatever_it_says(tmp_path, monkeypatch):
    file = tmp_path / "log"
    monkeypatch.setenv("UNET_TERMINATION_LOG", str(file))
    write_summary({"kind": "train", "code": 10, "cause": "\u4e16" * 5000, "where": "x" * 5000})
    assert len(file.read_bytes()) <= LARGEST_MESSAGE
    told = json.loads(file.read_text(encoding="utf-8"))
    assert (told["kind"], told["code"]) == ("train", 10)
    assert told["cause"]
    assert told["where"]


def test_summary_that_cannot_be_written_does_not_fail_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("UNET_TERMINATION_LOG", str(tmp_path / "none" / "log"))
    write_summary({"code": 0})
    assert "event=warning" in capsys.readouterr().out
    monkeypatch.delenv("UNET_TERMINATION_LOG")
    write_summary({"code": 0})
    assert capsys.readouterr().out == ""
