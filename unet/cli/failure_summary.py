"""The pod's termination message of a command that fails (docs/contract.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from unet.system.errors import UnetError
from unet.system.progress import write_summary


@contextmanager
def failure_summary(kind: str, rank: int | None = None) -> Iterator[None]:
    """Writes an error of the block as the summary of its `kind`, and lets it pass.

    Args:
        kind: of the command, as the operator knows it.
        rank: of this process where there are several; only rank 0 writes.
    """
    try:
        yield
    except UnetError as error:
        fields: dict[str, object] = {
            "kind": kind,
            "code": int(error.code),
            "cause": error.found,
            "where": error.where,
            "remedy": error.remedy,
        }
        if rank is not None:
            fields["rank"] = rank
        if not rank:
            write_summary(fields)
        raise
