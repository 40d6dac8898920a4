"""Keeps a writer of an older attempt from touching a run that a newer one has taken over.

`RUN/fence` holds the number of the newest attempt.  Every writer checks it right before it
renames something into place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unet.system.atomic_file import write_text
from unet.system.errors import MachineError, PeerLostError
from unet.system.os_error import while_reading


@dataclass(frozen=True)
class Fence:
    """The right of one attempt to write into a run folder."""

    run: Path
    attempt: int

    @property
    def file(self) -> Path:
        """Where the newest attempt's number stands."""
        return self.run / "fence"

    def newest(self) -> int:
        """The newest attempt's number; 0 before the first attempt.

        Raises:
            MachineError, DataError: it cannot be read, so that nobody knows whose run it is.
        """
        try:
            return int(self.file.read_text())
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise while_reading(self.file, error) from error
        except ValueError:
            found = "no attempt's number, so that nobody knows whose run this is"
            remedy = "remove it where no other attempt runs"
            raise MachineError(str(self.file), found, remedy) from None

    def raise_to_own(self) -> None:
        """Takes the run over from older attempts; never lowers the fence.

        Raises:
            PeerLostError: a newer attempt has the run.
        """
        self.check()
        if self.newest() < self.attempt:
            write_text(self.file, f"{self.attempt}\n")

    def check(self) -> None:
        """Raises `PeerLostError` when a newer attempt has the run."""
        newest = self.newest()
        if newest > self.attempt:
            raise PeerLostError(
                str(self.file),
                f"attempt {newest} has this run, this is attempt {self.attempt}",
                "leave it to the newer attempt",
            )
