"""TensorFlow's threads: fixed once, before its first operation."""

from __future__ import annotations

import tensorflow as tf


def use_threads(threads: int) -> None:
    """Fixes the threads of this process.

    One operation at a time with a fixed number of threads makes training bit-identical from
    run to run.  Stock TensorFlow takes its threads from here, not from ``OMP_NUM_THREADS``.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")
