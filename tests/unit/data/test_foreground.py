"""Labelled voxels are drawn evenly, and the same on every rank."""

import numpy as np

from unet.data.foreground import foreground_voxels


def test_foreground_is_drawn_evenly_and_the_same_everywhere():
    label = np.zeros((40, 40, 40), np.uint8)
    label[5:35, 5:35, 5:35] = 1
    label[0, 0, 0] = 9
    drawn = foreground_voxels(label, "a", limit=500)
    assert {value: len(voxels) for value, voxels in drawn.items()} == {1: 500, 9: 1}
    assert np.array_equal(drawn[1], foreground_voxels(label, "a", limit=500)[1])
    assert not np.array_equal(drawn[1], foreground_voxels(label, "b", limit=500)[1])
    assert np.abs(drawn[1].mean(axis=0) - 19.5).max() < 2
