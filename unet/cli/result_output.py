"""Where a command's result goes, and everything else that is printed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def stdout_for_result(as_json: bool) -> Iterator[TextIO]:
    """Gives stdout; with JSON all that is printed meanwhile goes to stderr instead."""
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield stdout
