"""Reading the launcher's log and termination messages (docs/contract.md)."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unet_operator.api.status import TrainingProgress
from unet_operator.observe.progress import LARGEST, Termination, logfmt, read_log, termination

LOG = """mpirun -n 2 python -m unet train
event=plan patch_size=96,96,96 batch_size=2 global_batch_size=4 memory_bytes=99 precision=float32
stage=preprocess done=12/208 eta=40s
epoch=3/40 step=120/250 loss=0.412 samples_per_s=3.2 eta=12m
Traceback of some library: epoch=9/9 boom
event=checkpoint epoch=2 step=750 path=checkpoints/000750
epoch=3/40 loss=0.40 val_dice=0.713 samples_per_s=3.2 eta=12m
event=exit rank=1 code=14 cause="out of \\"memory\\""
"""


def test_the_last_line_of_each_kind_counts():
    found = read_log(LOG)
    assert (found.progress.epoch, found.progress.epochs) == (3, 40)
    assert (found.progress.loss, found.progress.validation_dice) == (0.40, 0.713)
    assert found.progress.checkpoint_epoch == 2
    assert found.progress.stage is None
    assert found.plan.patch_size == "96,96,96"


def test_what_was_known_before_is_kept():
    before = TrainingProgress(validation_dice=0.7, checkpoint_epoch=5)
    found = read_log("epoch=6/40 loss=0.3\n", before)
    assert found.progress.validation_dice == 0.7
    assert found.progress.checkpoint_epoch == 5


def test_a_log_without_progress_has_none():
    assert read_log("hello\n").progress is None


def test_preparation_is_a_stage():
    assert read_log("stage=preprocess done=3/9 eta=1m\n").progress.stage == "preprocess 3/9"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "x", ""])
def test_a_loss_that_is_no_number_is_left_out(value):
    assert read_log(f"epoch=1/2 loss={value}\n").progress.loss is None


@pytest.mark.parametrize("line", ["", "plain words", "a=1 and words", "=", "1=2"])
def test_other_lines_are_skipped(line):
    assert logfmt(line) == {}


@given(st.text())
def test_no_text_breaks_the_reader(text):
    read_log(text)
    termination(text)


@pytest.mark.parametrize("text", ["", "[]", "null", "3", "{", "Traceback"])
def test_anything_else_is_an_empty_message(text):
    assert termination(text).code is None


def test_unknown_keys_and_wrong_values_do_not_hide_the_rest():
    said = termination('{"code": 14, "cause": "memory", "epoch": "x", "new": 1, "rank": null}')
    assert (said.code, said.cause, said.epoch, said.rank) == (14, "memory", None, None)


KEYS = sorted(
    set(Termination.model_fields) | {field.alias for field in Termination.model_fields.values()}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def numbers(value: object):
    """Every number inside a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_what_is_taken_from_a_message_can_be_written_into_the_status(raw):
    said = termination(json.dumps(raw))
    for number in numbers(said.model_dump()):
        assert math.isfinite(number)
        assert not isinstance(number, int) or abs(number) <= LARGEST


@pytest.mark.parametrize("text", ["[" * 4096, '{"a":' * 800 + "1" + "}" * 800, '{"code":' * 512])
def test_a_message_that_is_nested_without_end_is_an_empty_one(text):
    assert termination(text) == Termination()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_score_that_is_no_number_is_left_out_and_the_rest_kept(value):
    said = termination(f'{{"meanDice": {value}, "cases": 3}}')
    assert (said.mean_dice, said.cases) == (None, 3)


def test_the_documented_message_of_a_report_is_read_whole():
    said = termination(
        '{"kind": "report", "code": 0, "cases": 36, "meanDice": 0.861, "meanDiceInterval": '
        '[0.83, 0.89], "dicePerRegion": {"whole-tumour": 0.861}, "hd95": 6.2, "hd95Unit": "mm", '
        '"report": "report.html"}'
    )
    assert (said.kind, said.code, said.cases, said.mean_dice) == ("report", 0, 36, 0.861)
    assert said.mean_dice_interval == [0.83, 0.89]
    assert said.dice_per_region == {"whole-tumour": 0.861}
    assert (said.hd95, said.report) == (6.2, "report.html")


def test_the_documented_message_of_a_training_is_read_whole():
    said = termination(
        '{"kind": "train", "code": 14, "cause": "out of memory", "where": "rank 2", "remedy": '
        '"less", "rank": 2, "epoch": 4, "epochs": 40, "loss": 0.21, "validationDice": 0.87}'
    )
    assert (said.code, said.cause, said.where, said.remedy) == (
        14,
        "out of memory",
        "rank 2",
        "less",
    )
    assert (said.rank, said.epoch, said.epochs) == (2, 4, 40)
    assert (said.loss, said.validation_dice) == (0.21, 0.87)


@pytest.mark.parametrize("key", ["epoch", "step"])
def test_a_count_beyond_what_the_api_server_takes_is_left_out(key):
    line = {"epoch": "epoch=1", "step": "step=1"} | {key: f"{key}={'9' * 30}"}
    progress = read_log(" ".join(line.values()) + "\n").progress
    assert getattr(progress, key) is None


@pytest.mark.parametrize("size", ["x,y", "0,1,1", "96;96", "9" * 80, "96,,96", "-1,2,3"])
def test_a_patch_size_that_is_none_is_left_out(size):
    assert read_log(f"event=plan patch_size={size} batch_size=2\n").plan.patch_size is None


def test_a_word_of_a_log_does_not_swell_the_status():
    progress = read_log(f"epoch=1/2 eta={'m' * 100_000}\n").progress
    assert len(progress.eta) <= 64
    stage = read_log(f"stage={'s' * 100_000} done=1/2 eta={'m' * 9999}\n").progress
    assert len(stage.stage) <= 64
    assert len(stage.eta) <= 64


def test_the_first_epoch_ends_the_preparation():
    found = read_log("stage=preprocess done=3/9\nepoch=1/4 loss=0.9\n").progress
    assert (found.stage, found.epoch) == (None, 1)


def test_a_resume_tells_the_epoch_it_came_from():
    assert read_log("event=resume epoch=2 step=500 from=x\n").progress.checkpoint_epoch == 2


def test_the_last_plan_counts():
    log = "event=plan batch_size=4\nevent=plan batch_size=2\n"
    assert read_log(log).plan.batch_size == 2


@pytest.mark.parametrize(
    "line", ["event=checkpoint epoch=x", 'event=exit rank=1 code=14 cause="memory"', "event=new"]
)
def test_events_that_say_nothing_of_progress_are_skipped(line):
    found = read_log(line + "\n")
    assert (found.progress, found.plan) == (None, None)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.text(max_size=8)))
def test_what_is_written_as_logfmt_is_read_back(pairs):
    def word(value: str) -> str:
        slashed = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + slashed.replace("\n", "\\n").replace("\t", "\\t") + '"'

    plain = {
        k: v for k, v in pairs.items() if not set(v) & set("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
    }
    line = " ".join(f"{key}={word(value)}" for key, value in plain.items())
    assert logfmt(line) == plain
