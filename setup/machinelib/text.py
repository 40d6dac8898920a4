"""How things are said: problems, sizes."""

from __future__ import annotations


class Problem(Exception):
    """The task cannot go on; the message says why, and what to do."""


def megabytes(size: int) -> str:
    """0.3 MB below one, 12 MB, 3.4 GB from a thousand on."""
    if size >= 999_500_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size < 950_000 else f"{size / 1e6:.0f} MB"
