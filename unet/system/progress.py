"""What rank 0 says while it works: a bar on a terminal, logfmt lines elsewhere.

The lines are part of the contract with the operator (docs/contract.md).  Every epoch line
also goes to `RUN/log.jsonl`, from which the report draws its curves.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from unet.system.logfmt import format_line

INTERVAL = 15.0  # seconds between lines that are no epoch's end
EPOCH_INTERVAL, BEST_INTERVAL = 10.0, 5.0  # seconds between the lines of epochs, and of a best one
# How far along a training's one bar is when a stage ends; the rest are its epochs.
STAGES = {"preflight": (0.0, 0.05), "preprocess": (0.05, 0.1)}
EPOCHS_FROM = 0.1
BAR_LENGTH = 1000
LARGEST_MESSAGE = 4096  # bytes Kubernetes keeps of a termination message


def short_duration(seconds: float) -> str:
    """``[Nh][Nm][Ns]``, the two largest units: 42s, 3m20s, 2h05m."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def significant(value: float | None, digits: int = 4) -> float | None:
    """The value with so many significant digits, as lines and records hold it."""
    return None if value is None else float(f"{value:.{digits}g}")


def write_summary(fields: dict[str, object]) -> None:
    """Writes the JSON summary for the pod's status to the file in ``UNET_TERMINATION_LOG``.

    Never fails the run: without the variable, or where the file cannot be written, nothing
    happens.  Long texts are shortened so that the whole stays within 4,096 bytes.
    """
    name = os.environ.get("UNET_TERMINATION_LOG")
    if not name:
        return
    text = json.dumps(fields, ensure_ascii=False)
    while len(text.encode()) > LARGEST_MESSAGE:
        longest = max(
            (key for key, value in fields.items() if isinstance(value, str)),
            key=lambda key: len(str(fields[key])),
        )
        fields = fields | {longest: str(fields[longest])[: len(str(fields[longest])) // 2]}
        text = json.dumps(fields, ensure_ascii=False)
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        print(format_line({"event": "warning", "cause": f"{name}: {error}"}), flush=True)


class Reporter:
    """Prints progress, and records epochs in a log.

    Args:
        log: file that gets a JSON line per epoch.
        speaks: whether anything is printed or recorded at all; see `silent` and `of_rank`.
        trains: whether epochs follow the stages, so that one bar is of all of them.
    """

    def __init__(
        self, log: Path | None = None, *, speaks: bool = True, trains: bool = False
    ) -> None:
        self.speaks, self.trains = speaks, trains
        self.log = log
        self._last = 0.0
        self._last_epoch = -EPOCH_INTERVAL
        self._begun = False  # whether an epoch of this life has been told
        self._held: dict[str, str] = {}  # lines that wait for the next one, by their event
        self._furthest = 0.0  # of the bar, which never goes back
        self._dice: object = None  # of the newest validation, for the bar
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if self.speaks and sys.stdout.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[facts]}"),
                console=Console(),
                transient=False,
            )
            self._bar.start()

    @classmethod
    def silent(cls) -> Reporter:
        """One that prints and records nothing."""
        return cls(speaks=False)

    @classmethod
    def of_rank(cls, rank: int, log: Path | None = None) -> Reporter:
        """Rank 0's speaks for all ranks; the others' are silent."""
        return cls(log, speaks=rank == 0, trains=True)

    def event(self, name: str, **fields: object) -> None:
        """One event line."""
        if self.speaks:
            self._print(format_line({"event": name, **fields}))

    def hold(self, name: str, **fields: object) -> None:
        """An event line that is told before the next other line; a later one takes its place."""
        if self.speaks:
            self._held[name] = format_line({"event": name, **fields})

    def stage(self, name: str, done: int, total: int, began: float) -> None:
        """Progress of a stage other than training; `began` is a `time.monotonic`."""
        if not self.speaks:
            return
        elapsed = time.monotonic() - began
        eta = short_duration(elapsed / done * (total - done)) if done else None
        fields: dict[str, object] = {
            "stage": name,
            "done": f"{done}/{total}",
            "eta": eta if done < total else None,
        }
        share = done / max(total, 1)
        if self.trains:
            begins, ends = STAGES.get(name, (0.0, 0.0))
            share = begins + (ends - begins) * share
        final = done == total and (name in STAGES or not self.trains)
        self._show(name, share, fields, final=final)

    def step(self, epoch: int, epochs: int, step: int, steps: int, **fields: object) -> None:
        """Progress within an epoch."""
        if self.speaks:
            head = {"epoch": f"{epoch}/{epochs}", "step": f"{step}/{steps}"}
            share = EPOCHS_FROM + (1 - EPOCHS_FROM) * (epoch - 1 + step / steps) / epochs
            self._show(f"epoch {epoch}/{epochs}", share, head | fields, final=False)

    def epoch(self, epoch: int, epochs: int, *, best: bool = False, **fields: object) -> None:
        """An epoch's end: always a record in the log, and a line, on a terminal too, if it is due.

        Due are a life's first epoch and a run's last, and between them one that is the best so
        far after `BEST_INTERVAL`, others after `EPOCH_INTERVAL`: an epoch may take a second, and
        each be the best.
        """
        if not self.speaks:
            return
        if fields.get("val_dice") is not None:
            self._dice = fields["val_dice"]
        now = time.monotonic()
        apart = not self._begun or epoch >= epochs
        if apart or now - self._last_epoch >= (BEST_INTERVAL if best else EPOCH_INTERVAL):
            self._print(format_line({"epoch": f"{epoch}/{epochs}", **fields}))
            self._last = self._last_epoch = now
            self._begun = True
        if self.log is not None:
            record = {"epoch": epoch, "epochs": epochs} | fields
            with self.log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({k: v for k, v in record.items() if v is not None}) + "\n")

    def clear(self) -> None:
        """Removes the log of earlier lives: the run begins anew."""
        if self.speaks and self.log is not None:
            self.log.unlink(missing_ok=True)

    def close(self) -> None:
        """Tells what was held back, and takes the bar off the terminal."""
        self._tell_held()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, title: str, share: float, fields: dict[str, object], *, final: bool) -> None:
        if self._bar is not None:
            self._furthest = max(self._furthest, min(share, 1.0))
            shown = fields | {"val_dice": self._dice}
            facts = format_line({k: v for k, v in shown.items() if k not in ("epoch", "stage")})
            if self._task is None:
                self._task = self._bar.add_task(title, total=BAR_LENGTH, facts=facts)
            done = BAR_LENGTH * self._furthest
            self._bar.update(self._task, description=title, completed=done, facts=facts)
        elif final or time.monotonic() - self._last >= INTERVAL:
            self._print(format_line(fields))
            self._last = time.monotonic()

    def _print(self, line: str) -> None:
        self._tell_held()
        self._put(line)

    def _tell_held(self) -> None:
        held, self._held = self._held, {}
        for line in held.values():
            self._put(line)

    def _put(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, flush=True)
