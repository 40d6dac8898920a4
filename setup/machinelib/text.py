"""How things are said: problems, sizes."""

from __future__ import annotations


class Problem(Exception):
    """The task cannot go on; the message says why, and what to do."""


def megabytes(size: int) -> str:
    """12 MB; 3.4 GB from a thousand on."""
    return f"{size / 1e9:.1f} GB" if size >= 999_500_000 else f"{size / 1e6:.0f} MB"
