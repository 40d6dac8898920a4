"""The grid follows nnU-Net's rule for spacing, and a deadline makes it coarser."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fingerprints import fingerprint_of, plan_for, same_cases

from unet.planning.grid import coarsen, grid_shape, target_spacing


def test_a_short_deadline_makes_the_grid_coarser_and_a_long_one_does_not():
    prints = same_cases((140, 170, 140), cases=17)
    short, long = plan_for(prints, time_budget=600.0), plan_for(prints, time_budget=360000.0)
    assert short.recipe.spacing is not None
    assert min(short.recipe.spacing) > 1.2
    assert max(short.recipe.spacing) <= 2.01
    assert long.recipe.spacing is None


def test_unknown_spacing_shrinks_in_voxels_and_names_no_millimetres():
    made = plan_for(same_cases((256, 256, 30), spacing=None), time_budget=2400.0)
    assert made.recipe.spacing is None
    assert made.recipe.shrink[0] > 1
    assert made.recipe.shrink[2] == 1  # few thick slices: already the coarsest axis


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(8, 300)] * 3), min_size=1, max_size=5),
    st.tuples(*[st.floats(0.2, 8.0)] * 3),
    st.floats(1e3, 1e8),
)
def test_coarsening_reaches_the_wanted_voxels_or_its_limit(shapes, spacing, voxels):
    factors = coarsen(shapes, spacing, voxels)
    assert all(1 <= factor <= 2.01 for factor in factors)
    total = sum(math.prod(grid_shape(shape, factors)) for shape in shapes)
    assert total <= voxels or min(factors) > 1.9


def test_even_spacing_needs_no_resampling():
    assert target_spacing(fingerprint_of([(1, 1, 1), (1, 1.005, 1)])) is None


def test_uneven_spacing_aims_at_the_median():
    target = target_spacing(fingerprint_of([(0.5, 0.5, 1), (0.7, 0.7, 1.5), (0.9, 0.9, 2)]))
    assert np.allclose(target, (0.7, 0.7, 1.5))


def test_thick_slices_aim_at_the_finer_cases():
    spacings = [(0.8, 0.8, z) for z in (2.5, 5, 5, 5, 5, 5, 5, 5, 5, 7.5)]
    target = target_spacing(fingerprint_of(spacings))
    assert target[:2] == (0.8, 0.8)
    assert 4 < target[2] < 5


def test_mostly_unknown_spacing_forbids_resampling():
    assert target_spacing(fingerprint_of([None, None, (1, 1, 4)])) is None
    assert target_spacing(fingerprint_of([None, (1, 1, 4), (1, 1, 2)])) is not None
