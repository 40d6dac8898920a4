import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.orientations import ALL_48, affine_of

from unet.data import geometry

shapes = st.tuples(*[st.integers(1, 9)] * 3)


@pytest.mark.parametrize(("axes", "flips"), ALL_48)
def test_all_48_orientations_there_and_back(axes, flips):
    array = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    affine = affine_of(axes, flips)
    orientation = geometry.orientation_of(affine)
    turned = geometry.to_ras(array, orientation)
    assert turned.shape[:3] == geometry.ras_shape((3, 4, 5), orientation)
    assert np.array_equal(geometry.from_ras(turned, orientation), array)
    canonical = nib.as_closest_canonical(nib.Nifti1Image(array, affine))
    assert np.array_equal(canonical.get_fdata(), turned)


@given(
    orientation=st.sampled_from(ALL_48),
    shape=shapes,
    sizes=st.tuples(*[st.floats(0.2, 6.0)] * 3),
    angles=st.tuples(*[st.floats(-20, 20)] * 3),
)
def test_oblique_volumes_return_and_keep_their_spacing(orientation, shape, sizes, angles):
    affine = affine_of(*orientation, sizes, angles)
    found = geometry.orientation_of(affine)
    array = np.arange(np.prod(shape)).reshape(shape)
    assert np.array_equal(geometry.from_ras(geometry.to_ras(array, found), found), array)
    spacing = geometry.spacing_of(affine, "mm", found)
    assert np.allclose([spacing[axis] for axis, _ in found], sizes)


def test_views_are_not_copies():
    array = np.zeros((3, 4, 5))
    orientation = geometry.orientation_of(affine_of((2, 0, 1), (-1, 1, -1)))
    assert np.shares_memory(geometry.to_ras(array, orientation), array)
    assert np.shares_memory(geometry.from_ras(array, orientation), array)


@pytest.mark.parametrize(
    ("sizes", "unit", "expected"),
    [
        ((1, 1, 1), "unknown", None),
        ((1, 1, 1), "mm", (1, 1, 1)),
        ((0.6, 0.6, 4), "unknown", (0.6, 0.6, 4)),
        ((0.001, 0.001, 0.002), "meter", (1, 1, 2)),
        ((500, 500, 900), "micron", (0.5, 0.5, 0.9)),
    ],
)
def test_spacing_is_unknown_only_where_nobody_set_it(sizes, unit, expected):
    affine = affine_of((0, 1, 2), (-1, -1, 1), sizes)
    spacing = geometry.spacing_of(affine, unit, geometry.orientation_of(affine))
    assert spacing is None if expected is None else np.allclose(spacing, expected)


@given(data=st.data(), shape=shapes)
def test_the_box_is_tight_and_holds_everything(data, shape):
    mask = data.draw(st.builds(np.random.default_rng, st.integers(0, 999))).random(shape) > 0.7
    box = geometry.box_of(mask)
    if not mask.any():
        assert box is None
        return
    inner = geometry.crop(mask, box)
    assert inner.sum() == mask.sum()
    for axis in range(3):
        assert inner.take(0, axis).any()
        assert inner.take(-1, axis).any()


@given(shape=shapes, target=shapes)
def test_resampling_gives_any_shape_and_stays_in_range(shape, target):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    result = geometry.resample(volume, target)
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
    back = geometry.resample(geometry.resample(volume, up), volume.shape)
    assert np.abs(back - volume).max() < 0.05
    for axis in range(3):
        index = np.arange(volume.shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
        centre = (volume * index).sum() / volume.sum()
        assert abs((back * index).sum() / back.sum() - centre) < 0.02


def test_half_the_resolution_averages_pairs():
    volume = np.arange(8, dtype=np.float32).reshape(8, 1, 1)
    assert np.allclose(geometry.resample(volume, (4, 1, 1)).ravel(), [0.5, 2.5, 4.5, 6.5])


@given(shape=shapes, target=shapes, seed=st.integers(0, 99))
def test_resampled_labels_are_labels_that_were_there(shape, target, seed):
    label = np.random.default_rng(seed).choice([0, 1, 7], shape).astype(np.uint8)
    result = geometry.resample_labels(label, target)
    assert result.shape == target
    assert set(np.unique(result)) <= set(np.unique(label))
    if target == shape:
        assert np.array_equal(result, label)


def test_a_labelled_ball_survives_there_and_back():
    axes = np.meshgrid(*[np.linspace(-1, 1, 24)] * 3, indexing="ij")
    label = (sum(axis**2 for axis in axes) < 0.5).astype(np.uint8) * 3
    back = geometry.resample_labels(geometry.resample_labels(label, (31, 20, 24)), label.shape)
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
    assert geometry.resampled_shape(shape, source, target) == expected
