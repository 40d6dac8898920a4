"""The event file holds what TensorBoard reads: scalars and pictures by epoch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util.event_pb2 import Event

from unet.system.errors import UsageError
from unet.training.tensorboard import TensorBoardLog


def events(folder):
    """All events, as TensorFlow reads them back, checksums included."""
    files = sorted(str(file) for file in folder.iterdir())
    return [Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(files)]


def test_figures_and_pictures_are_read_back_by_epoch(tmp_path):
    log = TensorBoardLog(tmp_path / "tensorboard")
    picture = np.zeros((4, 6, 3), np.float32)
    picture[1, 2] = (1.0, 0.5, 0.0)
    log.add(1, {"loss": 0.5, "val_dice": None}, None)
    log.add(2, {"loss": 0.25, "val_dice": 0.75}, picture)
    head, one, two = events(tmp_path / "tensorboard")
    assert head.file_version == "brain.Event:2"
    assert (one.step, [(v.tag, v.simple_value) for v in one.summary.value]) == (1, [("loss", 0.5)])
    loss, dice, overlay = two.summary.value
    assert (two.step, loss.simple_value, dice.simple_value) == (2, 0.25, 0.75)
    assert (overlay.image.height, overlay.image.width) == (4, 6)
    decoded = tf.io.decode_png(overlay.image.encoded_image_string).numpy()
    assert decoded[1, 2].tolist() == [255, 128, 0]
    assert decoded.sum() == 255 + 128


def test_run_that_begins_anew_has_no_curves_of_the_old_one(tmp_path):
    folder = tmp_path / "tensorboard"
    TensorBoardLog(folder).add(9, {"loss": 0.5}, None)
    log = TensorBoardLog(folder)
    log.clear()
    log.add(1, {"loss": 0.4}, None)
    assert [event.step for event in events(folder)] == [0, 1]


def test_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Not a directory"):
        TensorBoardLog(tmp_path / "file" / "tensorboard").add(1, {"loss": 0.5}, None)
