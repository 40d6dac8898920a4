"""TensorFlow, imported quietly and held to the threads that this process may use."""

from __future__ import annotations

import contextlib

from unet.system.machine import usable_cores
from unet.system.tensorflow_import import import_tensorflow


def start_tensorflow() -> None:
    """Imports TensorFlow with the threads that OMP_NUM_THREADS or the control group grants."""
    import_tensorflow()
    from unet.system.threads import use_threads

    # Already running (in a notebook, or after training): it keeps what it has.
    with contextlib.suppress(RuntimeError):
        use_threads(usable_cores())
