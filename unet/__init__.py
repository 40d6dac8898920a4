"""Train, evaluate and plan 3D U-Nets on Medical Segmentation Decathlon data."""

import os

# Stock TensorFlow switches its oneDNN kernels on by itself only where the CPU has
# AVX512_VNNI, AMX or the like.  On other CPUs a 3D U-Net trains three to four times slower
# without them.  TensorFlow reads this once, when it is first imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its errors arrive as exceptions
