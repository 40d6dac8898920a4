import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet.inference.gaussian_weight import gaussian
from unet.inference.sliding_window import sliding_window, window_starts

sizes = st.tuples(*[st.integers(1, 30)] * 3)
patches = st.tuples(*[st.integers(1, 12)] * 3)


@given(shape=sizes, patch=patches, overlap=st.floats(0, 0.9))
def test_windows_cover_every_voxel_and_stay_inside(shape, patch, overlap):
    for size, edge, starts in zip(shape, patch, window_starts(shape, patch, overlap), strict=True):
        covered = np.zeros(max(size, edge), bool)
        for start in starts:
            assert 0 <= start <= max(size, edge) - edge
            covered[start : start + edge] = True
        assert covered.all()
        assert len(set(starts)) == len(starts)


def test_windows_are_evenly_spread_and_overlap_as_asked():
    (starts, _, _) = window_starts((169, 32, 20), (128, 32, 32), 0.5)
    assert starts == (0, 41)
    (starts, _, _) = window_starts((240, 32, 32), (64, 32, 32), 0.5)
    gaps = np.diff(starts)
    assert gaps.max() <= 32
    assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("overlap", [-0.1, 1.0])
def test_impossible_overlaps_are_refused(overlap):
    with pytest.raises(ValueError, match="overlap"):
        window_starts((8, 8, 8), (4, 4, 4), overlap)


@settings(deadline=None, max_examples=40)
@given(
    shape=sizes,
    patch=patches,
    batch=st.integers(1, 5),
    axes=st.sampled_from([(), (0,), (1, 2), (0, 1, 2)]),
)
def test_a_voxelwise_predictor_is_reproduced_whatever_the_tiling(shape, patch, batch, axes):
    image = np.random.default_rng(0).normal(size=(*shape, 2)).astype(np.float32)

    def predict(windows):
        assert windows.dtype == np.float32
        assert windows.shape[1:] == (*patch, 2)
        assert 1 <= len(windows) <= batch
        return np.concatenate([windows, windows[..., :1] * 2], -1)

    answer = sliding_window(predict, image, patch, batch=batch, mirror_axes=axes)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer[..., :2], image, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(answer[..., 2], image[..., 0] * 2, rtol=1e-4, atol=1e-5)


def test_windows_are_averaged_with_their_gaussian_weights():
    image = np.arange(6, dtype=np.float32)[:, None, None, None] * np.ones((6, 1, 1, 1))
    answer = sliding_window(lambda w: w[:, :1] * np.ones_like(w), image, (4, 1, 1), 0.5)
    weight = gaussian((4, 1, 1))[:, 0, 0]
    both = (weight[2] * 0 + weight[0] * 2) / (weight[2] + weight[0])
    np.testing.assert_allclose(answer[:, 0, 0, 0], [0, 0, both, 2 - both, 2, 2], rtol=1e-5)


def test_mirroring_averages_a_directional_predictor():
    image = np.random.default_rng(1).normal(size=(8, 8, 8, 1))

    def shifted(windows):
        return np.roll(windows, 1, axis=1)

    answer = sliding_window(shifted, image, (8, 8, 8), mirror_axes=(0,))
    expected = (np.roll(image, 1, axis=0) + np.roll(image, -1, axis=0)) / 2
    np.testing.assert_allclose(answer, expected, rtol=1e-5)


def test_constant_windows_are_predicted_once_per_value():
    image = np.zeros((64, 4, 4, 1), np.float16)
    image[40:44] = np.random.default_rng(2).normal(size=(4, 4, 4, 1))
    calls = []

    def predict(windows):
        calls.extend(windows)
        return windows + 1

    answer = sliding_window(predict, image, (8, 4, 4), overlap=0.5)
    assert len(calls) == 1 + 2
    np.testing.assert_allclose(answer, image.astype(np.float32) + 1, rtol=1e-5)
