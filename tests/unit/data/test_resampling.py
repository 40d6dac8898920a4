"""Volumes keep their place and their values on another grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet.data.resampling import resample, resample_labels, resampled_shape

shapes = st.tuples(*[st.integers(1, 9)] * 3)


@given(shape=shapes, target=shapes)
def test_resampling_gives_any_shape_and_stays_in_range(shape, target):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    result = resample(volume, target)
    assert result.shape == target
    assert result.dtype == np.float32
    assert result.min() >= volume.min() - 1e-5
    assert result.max() <= volume.max() + 1e-5


@settings(max_examples=30)
@given(factor=st.tuples(*[st.floats(1.0, 2.5)] * 3))
def test_up_and_down_again_returns_a_smooth_volume_without_shift(factor):
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in (18, 20, 22)], indexing="ij")
    volume = np.exp(-3 * sum(axis**2 for axis in axes)).astype(np.float32)
    up = tuple(round(n * f) for n, f in zip(volume.shape, factor, strict=True))
    back = resample(resample(volume, up), volume.shape)
    assert np.abs(back - volume).max() < 0.05
    for axis in range(3):
        index = np.arange(volume.shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
        centre = (volume * index).sum() / volume.sum()
        assert abs((back * index).sum() / back.sum() - centre) < 0.02


def test_half_the_resolution_averages_pairs():
    volume = np.arange(8, dtype=np.float32).reshape(8, 1, 1)
    assert np.allclose(resample(volume, (4, 1, 1)).ravel(), [0.5, 2.5, 4.5, 6.5])


@given(shape=shapes, target=shapes, seed=st.integers(0, 99))
def test_resampled_labels_are_labels_that_were_there(shape, target, seed):
    label = np.random.default_rng(seed).choice([0, 1, 7], shape).astype(np.uint8)
    result = resample_labels(label, target)
    assert result.shape == target
    assert set(np.unique(result)) <= set(np.unique(label))
    if target == shape:
        assert np.array_equal(result, label)


def test_a_labelled_ball_survives_there_and_back():
    axes = np.meshgrid(*[np.linspace(-1, 1, 24)] * 3, indexing="ij")
    label = (sum(axis**2 for axis in axes) < 0.5).astype(np.uint8) * 3
    back = resample_labels(resample_labels(label, (31, 20, 24)), label.shape)
    overlap = 2 * ((back == 3) & (label == 3)).sum() / ((back == 3).sum() + (label == 3).sum())
    assert overlap > 0.96


@pytest.mark.parametrize(
    ("shape", "source", "target", "expected"),
    [
        ((10, 20, 5), (1, 1, 4), (1, 1, 2), (10, 20, 10)),
        ((10, 20, 5), (1, 1, 1), (100, 2, 1), (1, 10, 5)),
    ],
)
def test_the_resampled_shape_covers_the_same_extent(shape, source, target, expected):
    assert resampled_shape(shape, source, target) == expected
