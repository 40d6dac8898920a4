"""What pods print and leave: the operator's readers, and the launcher's of its ranks' lines."""

from __future__ import annotations

import json
from pathlib import Path

from support.operator.lives import REPORT
from unet_operator.observe.progress import read_log, termination

from unet.parallel.rank_exit_code import Ledger
from unet.system.errors import DataError

LINES = """event=plan patch_size=128,128,128 batch_size=2 global_batch_size=6 precision=bfloat16
epoch=3/40 step=120/250 loss=0.412 samples_per_s=3.2 eta=12m
epoch=3/40 loss=0.412 val_dice=0.713 samples_per_s=3.2 eta=12m
event=checkpoint epoch=3 step=750 path=checkpoints/000750
stage=preprocess done=12/208 eta=40s
event=start rank=1 host=worker-0
event=error code=10 where="a \\"b\\"" found="no such file" remedy="copy it again"
event=exit rank=1 code=10 cause="wrong data"
event=done code=0 val_dice=0.861 epoch=40 learned=yes model=model/m.hdf5
"""
SEEDS = (*(line.encode() for line in LINES.splitlines()), json.dumps(REPORT).encode())
LONGEST_MESSAGE = 4096


def read(path: Path) -> None:
    """Reads it every way; a line of which nothing is understood counts as refused."""
    text = path.read_bytes().decode("utf-8", "replace")
    reading, said = read_log(text), termination(text)
    ledger = Ledger()
    for line in text.splitlines():
        ledger.read(line)
    verdict = ledger.verdict(1, text)
    message = ledger.message(verdict)
    assert len(message.encode()) <= LONGEST_MESSAGE
    assert termination(message).code == verdict.code
    for model in (reading.progress, reading.plan, said):
        if model is not None:
            json.dumps(model.model_dump(mode="json"), allow_nan=False)
    if reading.progress is None and reading.plan is None and not said.kind and ledger == Ledger():
        raise DataError("line", "not understood", "it is the user's own")
