"""Reading the launcher's log and termination messages (docs/contract.md)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unet_operator.progress import logfmt, read_log, termination
from unet_operator.status import TrainingProgress

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
    assert found.exits == ((1, 14, 'out of "memory"'),)


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
