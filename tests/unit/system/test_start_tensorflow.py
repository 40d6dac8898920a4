"""OMP_NUM_THREADS, which stock TensorFlow ignores, sets its threads."""

import os
import subprocess
import sys

ASK = """
from unet.system.start_tensorflow import start_tensorflow
start_tensorflow()
import tensorflow as tf
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


def test_tensorflow_takes_the_threads_of_the_variable():
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        capture_output=True,
        text=True,
        check=True,
        env=inherited | {"OMP_NUM_THREADS": "3", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "3\n"
    assert done.stderr == ""  # nothing of GPUs that nobody asked for
