"""Reads what pods say: progress lines, events and termination messages (docs/contract.md).

Decisions hang on keys and codes only, never on free text; whatever does not parse is
skipped, since ranks, mpiexec and libraries print into the same log.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from pydantic import Field

from unet_operator.api.schema import Lenient
from unet_operator.api.status import Plan, TrainingProgress

LARGEST = 2**53
"""Beyond it a JSON number is not exact, and the API server would refuse the whole status."""
Count = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Number = Annotated[float, Field(allow_inf_nan=False)]
_SIZE = re.compile(r"[1-9][0-9]*(,[1-9][0-9]*)*", re.ASCII)
_LONGEST_WORD = 64
"""Characters of a word taken from a log: what pods print must not swell the status."""
_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?=\s|$)')


class Code(IntEnum):
    """Exit codes of the training image's commands."""

    DONE = 0
    USAGE = 2
    DATA = 10
    NAN = 11
    DISK = 12
    PEER_LOST = 13
    MEMORY = 14
    KILLED = 137
    TERMINATED = 143


class Termination(Lenient):
    """A pod's termination message; every key may be missing."""

    kind: str = ""
    code: Count | None = None
    cause: str = ""
    where: str = ""
    remedy: str = ""
    rank: Count | None = None
    epoch: Count | None = None
    epochs: Count | None = None
    loss: Number | None = None
    validation_dice: Number | None = None
    cases: Count | None = None
    mean_dice: Number | None = None
    mean_dice_interval: list[Number] | None = None
    dice_per_region: dict[str, Number] = Field(default={})
    hd95: Number | None = None
    report: str | None = None


_TERMINATION_KEYS = {field.alias for field in Termination.model_fields.values()}


@dataclass(frozen=True)
class LogReading:
    """What a stretch of the launcher's log says."""

    progress: TrainingProgress | None = None
    plan: Plan | None = None


_NO_MESSAGE = Termination()


def termination(text: str) -> Termination:
    """Parses a termination message; an empty one for anything that is not one."""
    if not text:
        return _NO_MESSAGE
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return Termination()
    if not isinstance(raw, dict):
        return Termination()
    known = {k: v for k, v in raw.items() if k in _TERMINATION_KEYS and v is not None}
    return Termination.readable(known)


def logfmt(line: str) -> dict[str, str]:
    """Parses one logfmt line; an empty dict when the line is anything else."""
    line = line.strip()
    pairs = _PAIR.findall(line)
    if not pairs or _PAIR.sub("", line).strip():
        return {}
    return {key: _unquote(value) for key, value in pairs}


def read_log(text: str, before: TrainingProgress | None = None) -> LogReading:
    """Folds the lines of `text`, oldest first, into what was known `before`."""
    progress: dict[str, object] = before.model_dump(exclude_none=True) if before else {}
    plan: Plan | None = None
    changed = False
    for line in text.splitlines():
        pairs = logfmt(line)
        if _take_progress(pairs, progress):
            changed = True
        elif pairs.get("event") == "plan":
            plan = _plan(pairs)
    reading = TrainingProgress.model_validate(progress) if changed else None
    return LogReading(progress=reading, plan=plan)


def _take_progress(pairs: dict[str, str], progress: dict[str, object]) -> bool:
    """Updates the progress by one line; False when the line says nothing of it."""
    if "epoch" in pairs and "event" not in pairs:
        progress.update(_epoch(pairs))
        progress.pop("stage", None)
        return True
    if pairs.get("stage") and "done" in pairs:
        progress["stage"] = f"{pairs['stage']} {pairs['done']}"[:_LONGEST_WORD]
        if "eta" in pairs:
            progress["eta"] = pairs["eta"][:_LONGEST_WORD]
        return True
    if pairs.get("event") in ("checkpoint", "resume"):
        epoch = _int(pairs.get("epoch"))
        if epoch is not None:
            progress["checkpoint_epoch"] = epoch
            return True
    return False


def _epoch(pairs: dict[str, str]) -> dict[str, object]:
    """The fields that a line about an epoch gives."""
    epoch, _, epochs = pairs["epoch"].partition("/")
    step = pairs.get("step", "").partition("/")[0]
    fields = {
        "epoch": _int(epoch),
        "epochs": _int(epochs),
        "step": _int(step),
        "loss": _float(pairs.get("loss")),
        "validation_dice": _float(pairs.get("val_dice")),
        "samples_per_second": _float(pairs.get("samples_per_s")),
        "eta": pairs.get("eta", "")[:_LONGEST_WORD] or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _plan(pairs: dict[str, str]) -> Plan:
    return Plan(
        patch_size=_size(pairs.get("patch_size")),
        batch_size=_int(pairs.get("batch_size")),
        global_batch_size=_int(pairs.get("global_batch_size")),
        memory_estimate=_int(pairs.get("memory_bytes")),
        precision=pairs.get("precision", "")[:_LONGEST_WORD] or None,
    )


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value[1:-1])


def _size(text: str | None) -> str | None:
    """A patch size as the spec spells it: later attempts are halved from it."""
    return text if text and len(text) <= _LONGEST_WORD and _SIZE.fullmatch(text) else None


def _int(text: str | None) -> int | None:
    try:
        value = int(text) if text else None
    except ValueError:
        return None
    return value if value is not None and abs(value) <= LARGEST else None


def _float(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
