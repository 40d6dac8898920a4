"""Orientations and boxes lead there and back."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
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
    assert turned.shape[:3] == geometry.in_ras_order((3, 4, 5), orientation)
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
