"""TensorBoard: scalars and a picture per epoch, in `RUN/tensorboard`.

TensorFlow's own writers need the tensorboard package, which training has no use for; an
event file is a TFRecord file of `Event` messages, so it is written here.  Every life of a
run adds a file, which TensorBoard shows as one curve.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.util.event_pb2 import Event

from unet.system.errors import DiskError
from unet.system.os_error import while_writing


class TensorBoardLog:
    """Writes one life's events; the file is begun with the first of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: tf.io.TFRecordWriter | None = None

    def add(
        self, epoch: int, curves: Mapping[str, float | None], picture: NDArray[np.float32] | None
    ) -> None:
        """Adds what is known of an epoch.

        Args:
            curves: a value per curve; one of None is left out.
            picture: float32 ``[height, width, 3]`` from 0 to 1, upper left corner first.

        Raises:
            DiskError: the disk is full or not writable.
        """
        values: list[dict[str, object]] = [
            {"tag": tag, "simple_value": value}
            for tag, value in curves.items()
            if value is not None
        ]
        if picture is not None:
            height, width, _ = picture.shape
            levels = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
            values.append(
                {
                    "tag": "overlay",
                    "image": {
                        "height": height,
                        "width": width,
                        "colorspace": 3,
                        "encoded_image_string": tf.io.encode_png(levels).numpy(),
                    },
                }
            )
        self._write(epoch, values)

    def clear(self) -> None:
        """Removes the curves of earlier lives: the run begins anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, epoch: int, values: list[dict[str, object]]) -> None:
        now = time.time()
        try:
            if self._writer is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                name = f"events.out.tfevents.{now:.0f}.{os.uname().nodename}.{os.getpid()}"
                self._writer = tf.io.TFRecordWriter(str(self.folder / name))
                first = Event(wall_time=now, file_version="brain.Event:2")
                self._writer.write(first.SerializeToString())
            event = Event(wall_time=now, step=epoch, summary={"value": values})
            self._writer.write(event.SerializeToString())
            self._writer.flush()
        except OSError as error:
            raise while_writing(self.folder, error) from error
        except tf.errors.OpError as error:
            remedy = "free space or choose another --output"
            raise DiskError(str(self.folder), error.message, remedy) from error
