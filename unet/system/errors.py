"""Errors a user can act on, and the exit codes that programs decide by.

Every error is one line: where, what was found, what to do.  The exit codes are
part of the contract with the operator (docs/contract.md); free text never is.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `python -m unet` command."""

    DONE = 0
    MACHINE = 1
    USAGE = 2
    DATA = 10
    NAN = 11
    DISK = 12
    PEER_LOST = 13
    MEMORY = 14
    TERMINATED = 143


class UnetError(Exception):
    """Base of all errors with a documented exit code.

    Args:
        where: the file, flag or field at fault, e.g. ``dataset.json: training[3].image``.
        found: what was found there, e.g. ``no such file``.
        remedy: what the user can do, an imperative clause.
    """

    code: ExitCode = ExitCode.USAGE

    def __init__(self, where: str, found: str, remedy: str) -> None:
        self.where, self.found, self.remedy = map(one_line, (where, found, remedy))
        super().__init__(f"{self.where}: {self.found}; {self.remedy}")


def one_line(text: object) -> str:
    """Text that any terminal and any log takes as one line, whatever a file was named."""
    plain = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(x if x.isprintable() else repr(x)[1:-1] for x in plain)


class UsageError(UnetError):
    """A flag, a configuration key or a combination of them is wrong."""

    code = ExitCode.USAGE


class DataError(UnetError):
    """The data set or a case is missing, damaged or contradictory."""

    code = ExitCode.DATA


class NumericError(UnetError):
    """Training met NaN or infinity and could not recover."""

    code = ExitCode.NAN


class DiskError(UnetError):
    """The output is full or may not be written."""

    code = ExitCode.DISK


class MachineError(UnetError):
    """The machine, a volume or the network failed; another try may find it well."""

    code = ExitCode.MACHINE


class PeerLostError(UnetError):
    """Another rank ended or stopped answering."""

    code = ExitCode.PEER_LOST


class MemoryShortError(UnetError):
    """The planned work does not fit in the memory this process may use."""

    code = ExitCode.MEMORY


class Terminated(UnetError):
    """SIGTERM was answered with a checkpoint."""

    code = ExitCode.TERMINATED
