"""What became of a launch, read from the lines of its ranks.

mpiexec ORs the ranks' exit codes (11 and 13 give 15), and a rank that it kills because
another one failed is a consequence, not a cause.  So the ranks' own events decide.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from unet.system.errors import ExitCode
from unet.system.logfmt import parse_line

# Causes that no repetition cures, or that name their own cure: the first present wins,
# whatever the other ranks made of it.
DECISIVE = (
    ExitCode.USAGE,
    ExitCode.DATA,
    ExitCode.NAN,
    ExitCode.DISK,
    ExitCode.MEMORY,
)
MESSAGE_BYTES = 4096  # a pod's termination message is cut there


@dataclass(frozen=True)
class RankExit:
    """One `event=exit`."""

    rank: int
    code: int
    cause: str
    killed: bool


@dataclass(frozen=True)
class Verdict:
    """The one code of a launch and why."""

    code: int
    cause: str
    rank: int | None = None


@dataclass
class Ledger:
    """Everything the ranks said that outlives them; feed it every line."""

    exits: dict[int, RankExit] = field(default_factory=dict)
    started: dict[int, str] = field(default_factory=dict)
    errors: dict[int, dict[str, str]] = field(default_factory=dict)
    progress: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    learned: bool | None = None

    def read(self, line: str) -> None:
        """Takes note of one line; lines of other forms are the user's own and ignored."""
        fields = parse_line(line)
        if fields is None:
            return
        event = fields.get("event")
        if event == "exit":
            self._read_exit(fields)
        elif event == "start" and fields.get("rank", "").isdigit():
            self.started[int(fields["rank"])] = fields.get("host", "?")
        elif event == "error" and fields.get("code", "").isdigit():
            self.errors.setdefault(int(fields["code"]), fields)
        elif event == "done":
            self.model = fields.get("model", self.model)
            self.learned = {"yes": True, "no": False}.get(fields.get("learned", ""))
        elif event is None and "epoch" in fields:
            self.progress.update(fields)

    def _read_exit(self, fields: dict[str, str]) -> None:
        if fields.get("rank", "").isdigit() and fields.get("code", "").isdigit():
            rank, code = int(fields["rank"]), int(fields["code"])
            self.exits.setdefault(
                rank, RankExit(rank, code, fields.get("cause", ""), "signal" in fields)
            )

    def all_failed(self, ranks: int) -> bool:
        """Whether every rank has said how it ended, and at least one not well."""
        return len(self.exits) == ranks and any(e.code for e in self.exits.values())

    def verdict(self, returncode: int, last_words: str = "") -> Verdict:
        """Names the cause of the end.

        Args:
            returncode: mpiexec's own.
            last_words: what mpiexec or ssh complained of, for when no rank began.
        """
        failed = [e for e in self.exits.values() if e.code != ExitCode.DONE]  # in order of time
        lost = sorted(set(self.started) - set(self.exits))
        if returncode == 0 and not failed:
            return Verdict(ExitCode.DONE, "")
        for code in DECISIVE:
            for end in failed:
                if end.code == code:
                    return self._of(end)
        # A rank that crashes takes the others with it as terminated or as peers lost; ranks
        # that were told to stop may crash on the way out.  What came first is the cause.
        for end in failed:
            if end.code == ExitCode.TERMINATED or (end.code == 1 and not end.killed):
                return self._of(end)
        killed = next((end for end in failed if end.killed), None)
        peers = len(self.started) > 1
        if killed is not None:
            verdict = self._of(killed)
            return Verdict(ExitCode.PEER_LOST, verdict.cause, killed.rank) if peers else verdict
        if failed:
            return self._of(failed[0])
        if lost:
            rank = lost[0]
            return Verdict(
                ExitCode.PEER_LOST, f"rank {rank} on {self.started[rank]} was lost", rank
            )
        return Verdict(1, last_words or f"mpiexec ended with code {returncode}")

    def message(self, verdict: Verdict) -> str:
        """The termination message: a JSON object of at most `MESSAGE_BYTES`."""
        error = self.errors.get(verdict.code, {})
        epoch, _, epochs = self.progress.get("epoch", "").partition("/")
        content = {
            "kind": "train",
            "code": int(verdict.code),
            "cause": _cut(error.get("found") or verdict.cause),
            "where": _cut(error.get("where", "")),
            "remedy": _cut(error.get("remedy", "")),
            "rank": verdict.rank,
            "epoch": _number(epoch),
            "epochs": _number(epochs),
            "loss": _number(self.progress.get("loss", "")),
            "validationDice": _number(self.progress.get("val_dice", "")),
            "learned": self.learned,
            "model": self.model,
        }
        return json.dumps(content)

    def _of(self, end: RankExit) -> Verdict:
        if end.code == ExitCode.TERMINATED:
            return Verdict(end.code, end.cause, end.rank)
        return Verdict(end.code, f"rank {end.rank}: {end.cause}", end.rank)


def _cut(text: str) -> str:
    """Short enough that three of them fit, even where JSON escapes every character."""
    limit = MESSAGE_BYTES // 24
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _number(text: str) -> float | int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if value != value or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value.is_integer() and "." not in text else value
