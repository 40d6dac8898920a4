"""Runs chains of commands side by side; every line of theirs is printed with its chain's name.

On a failure or an interrupt all of them end, with whatever they started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .commands import Failed, duration

PATIENCE = 20.0
"""Seconds in which what is told to end may clean up."""


@dataclass(frozen=True)
class Lane:
    """A chain of commands, each begun when the one before it has succeeded.

    Args:
        name: printed before each line.
        commands: what is run.
        after: another lane and how many of its commands must be done first.
        needed: whether its failure is the demo's; else it is one line, its lines are kept to
            themselves, and it ends when all that is needed has been done.
        environment: variables beside the inherited ones.
    """

    name: str
    commands: Sequence[Sequence[str]]
    after: tuple[str, int] | None = None
    needed: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    then: Callable[[], None] = lambda: None


class Lanes:
    """Lanes that run; use `run`."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self.began = time.monotonic()
        self.done = {lane.name: 0 for lane in lanes}
        self.failed: list[str] = []
        self.over = False
        self.running: dict[str, subprocess.Popen[str]] = {}
        self.news = threading.Condition()
        self.width = max(len(lane.name) for lane in lanes)

    def run(self) -> None:
        """Returns when all lanes have ended.

        Raises:
            Failed: a needed one did; the others were ended.
        """
        threads = [
            (threading.Thread(target=self._follow, args=(lane,)), lane) for lane in self.lanes
        ]
        for thread, _ in threads:
            thread.start()
        try:
            for thread, lane in threads:
                if lane.needed:
                    thread.join()
            self._finish()
            for thread, _ in threads:
                thread.join()
        except KeyboardInterrupt:
            self._fail("interrupted")
            self._end_all(signal.SIGINT)
            raise
        if self.failed:
            raise Failed(self.failed[0])

    def say(self, lane: Lane, text: str) -> None:
        """Prints one line of a lane."""
        clock = duration(time.monotonic() - self.began)
        print(f"   {clock:>6} {lane.name:<{self.width}}  {text}", flush=True)

    def _follow(self, lane: Lane) -> None:
        if not self._may_begin(lane):
            return
        for command in lane.commands:
            last = self._one(lane, command)
            if last is not None:
                if lane.needed:
                    self._fail(f"{lane.name}: {' '.join(command)} {last}; its lines are above")
                elif not self.failed and not self.over:
                    self.say(lane, f"did not succeed ({last}); the demo goes on without it")
                return
            with self.news:
                self.done[lane.name] += 1
                self.news.notify_all()
        lane.then()

    def _may_begin(self, lane: Lane) -> bool:
        if lane.after is None:
            return True
        name, count = lane.after
        with self.news:
            self.news.wait_for(lambda: self.failed or self.over or self.done[name] >= count)
            return not self.failed and self.done[name] >= count

    def _one(self, lane: Lane, command: Sequence[str]) -> str | None:
        """Runs a command; None, or how it failed."""
        with self.news:
            if self.failed or (self.over and not lane.needed):
                return "was not begun"
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=os.environ | dict(lane.environment),
                start_new_session=True,
            )
            self.running[lane.name] = process
        assert process.stdout is not None, "opened as a pipe"
        last = ""
        for line in process.stdout:
            last = line.strip() or last
            if lane.needed and line.strip():
                self.say(lane, line.rstrip())
        code = process.wait()
        with self.news:
            del self.running[lane.name]
        return f"ended with code {code}: {last}" if code else None

    def _finish(self) -> None:
        """Ends what nobody waits for any more."""
        with self.news:
            self.over = True
            self.news.notify_all()
        self._end_all(signal.SIGTERM)

    def _fail(self, why: str) -> None:
        with self.news:
            self.failed.append(why)
            self.news.notify_all()
            first = len(self.failed) == 1
        if first and why != "interrupted":
            self._end_all(signal.SIGTERM)

    def _end_all(self, how: signal.Signals) -> None:
        for process in list(self.running.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
        deadline = time.monotonic() + PATIENCE
        for process in list(self.running.values()):
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
