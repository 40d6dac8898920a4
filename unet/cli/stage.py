"""Progress lines of a command's stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unet.system.progress import Reporter


@contextmanager
def stage_progress(name: str, *, silent: bool) -> Iterator[Callable[[int, int], None]]:
    """Gives what is to be called with the cases done and the cases in all."""
    reporter, began = Reporter.silent() if silent else Reporter(), time.monotonic()
    try:
        yield lambda done, total: reporter.stage(name, done, total, began)
    finally:
        reporter.close()
