"""Follows the training: every change of its status is a line."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .commands import Failed
from .settings import NAME, NAMESPACE

TERMINAL = {"Succeeded", "Failed"}


@dataclass(frozen=True)
class Status:
    """What the demo reads of a training's status.

    Attributes:
        phase: as `kubectl get unet` shows it.
        message: its cause in one line.
        workers: ready of wanted, `2/2`; empty before any are asked for.
        stage: what goes on before the first epoch; empty when that is not known.
        epoch: `3/40`; empty before the first.
        figures: loss, Dice and time left, as far as they are known.
        logs: the Jobs to read, by name: launcher, results.
    """

    phase: str
    message: str
    workers: str
    stage: str
    epoch: str
    figures: tuple[str, ...]
    logs: dict[str, str]

    @classmethod
    def from_json(cls, text: str) -> Status:
        """Reads a status as kubectl prints it."""
        status = json.loads(text)
        training = status.get("training") or {}
        epoch = training.get("epoch")
        shown = (("loss", "loss"), ("validationDice", "Dice"), ("eta", "left"))
        known = ((label, training.get(key)) for key, label in shown)
        return cls(
            phase=status.get("phase", "Pending"),
            message=status.get("message", ""),
            workers=status.get("workers") or "",
            stage=training.get("stage") or "",
            epoch="" if epoch is None else f"{epoch}/{training.get('epochs', '?')}",
            figures=tuple(f"{label} {value}" for label, value in known if value not in (None, "")),
            logs=status.get("logs") or {},
        )


def follow() -> Status:
    """Prints every change of the training's line until it ends; returns its last status."""
    last = ""
    for status in statuses():
        line = f"{time.strftime('%H:%M:%S')}  {describe(status)}"
        if line != last:
            print(line, flush=True)
            last = line
        if status.phase in TERMINAL:
            return status
    raise Failed("the watch ended before the training did")


def statuses() -> Iterator[Status]:
    """The training's status, each time it changes.

    By selector, not by name: `kubectl get NAME --watch` misses what changes between its get
    and its watch.
    """
    words = [
        *("kubectl", "-n", NAMESPACE, "get", "unettraining", "--watch"),
        *("--field-selector", f"metadata.name={NAME}", "-o", "jsonpath={.status}{'\\n'}"),
    ]
    watch = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert watch.stdout is not None, "opened as a pipe"
        for line in watch.stdout:
            if line.strip():
                yield Status.from_json(line)
    finally:
        watch.terminate()
        watch.wait()


def describe(status: Status) -> str:
    """One line: phase, workers, epoch, loss, Dice, time left."""
    parts = [f"{status.phase:<11}"]
    if status.phase != "Training":
        return "  ".join([*parts, status.message])
    if status.workers:
        parts.append(f"workers {status.workers}")
    if not status.epoch:
        return "  ".join([*parts, status.stage or "ranks start, data is read and planned"])
    return "  ".join([*parts, f"epoch {status.epoch}", *status.figures])
