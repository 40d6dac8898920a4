"""Logs: one line each, for programs or for people, with the training's name."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime

import pytest
from unet_operator.loop.logs import JsonFormatter, PlainFormatter, set_up


def record(message: str = "training", *args: object, fault: bool = False, **extra: object):
    """A log record."""
    info = None
    if fault:
        try:
            raise ValueError("boom")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord(
        "unet_operator.loop.operator", logging.INFO, "f.py", 1, message, args, info
    )
    made.__dict__.update(extra)
    return made


def line(made: logging.LogRecord) -> dict:
    """A record as JSON, which must be one line."""
    text = JsonFormatter().format(made)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_time_level_logger_and_message():
    found = line(record("%s of %d", "epoch", 3))
    assert (found["level"], found["logger"], found["message"]) == (
        "info",
        "unet_operator.loop.operator",
        "epoch of 3",
    )
    assert datetime.fromisoformat(found["time"]).tzinfo is not None
    assert "training" not in found


def test_a_line_about_a_training_names_it_and_where_it_is():
    found = line(record(training="clinic/brain", phase="Training", attempt=2))
    assert (found["training"], found["phase"], found["attempt"]) == ("clinic/brain", "Training", 2)


def test_a_fault_stays_on_its_line():
    found = line(record(fault=True))
    assert "ValueError: boom" in found["exception"]


@pytest.mark.parametrize("text", ['"quoted"', "two\nlines", "{}", "Gehirn 大脑", "\x00\x1b[31m"])
def test_no_text_breaks_a_line(text):
    assert line(record("%s", text))["message"] == text


def test_what_is_not_ours_is_left_out():
    assert "secret" not in line(record(secret="x"))


def test_a_person_reads_time_level_training_and_message():
    text = PlainFormatter().format(record("all %d workers answer", 2, training="clinic/brain"))
    assert text.endswith("INFO    [clinic/brain] all 2 workers answer")
    assert PlainFormatter().format(record("hello")).endswith("INFO    hello")


def test_a_person_sees_the_fault_below_its_line():
    first, *rest = PlainFormatter().format(record(fault=True)).splitlines()
    assert first.endswith("training")
    assert rest[-1] == "ValueError: boom"


@pytest.fixture
def root():
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.parametrize(
    ("kind", "formatter"), [("json", JsonFormatter), ("plain", PlainFormatter)]
)
def test_all_logs_go_to_stderr_in_the_chosen_form(root, kind, formatter):
    set_up(kind)
    (handler,) = root.handlers
    assert handler.stream is sys.stderr
    assert isinstance(handler.formatter, formatter)


def test_setting_up_twice_does_not_double_the_lines(root):
    set_up("json")
    set_up("json")
    assert len(root.handlers) == 1


def test_kopf_s_own_account_of_each_event_is_left_out(root):
    set_up("json")
    assert not logging.getLogger("kopf.objects").isEnabledFor(logging.INFO)
    assert logging.getLogger("unet_operator.loop.reconcile").isEnabledFor(logging.INFO)
