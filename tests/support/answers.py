"""What a command answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """How a command ended: its code and the one line that it left on stderr."""

    code: int
    line: str

    def refuses(self, code: int, *parts: object) -> None:
        """Asserts the code, that it is one line with a remedy, and that it holds the parts."""
        assert self.code == code, self.line
        assert self.line.count("\n") == 0, self.line
        assert self.line.startswith("error: ")
        assert "; " in self.line
        for part in parts:
            assert str(part) in self.line
