"""Imports TensorFlow without the lines it prints before its own log level applies.

They speak of GPUs that nobody asked for, and would open every `kubectl logs`.  Everything
else that is printed meanwhile is passed on.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile

UNASKED_LINES = re.compile(rb"^(WARNING: All log messages before absl|[IW]\d{4} )")


def import_tensorflow() -> None:
    """Imports TensorFlow once; later imports find it loaded."""
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            import tensorflow  # noqa: F401  # for those who import it later
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            caught.seek(0)
            for line in caught:
                if not UNASKED_LINES.match(line):
                    os.write(2, line)
