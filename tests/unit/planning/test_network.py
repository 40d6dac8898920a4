"""The network halves an axis where that makes voxels more alike."""

import pytest

from unet.planning.network import divisor_of, planned_spec, strides_for


def test_a_thick_slice_axis_is_not_halved_before_the_others_match_it():
    strides = strides_for((128, 128, 32), (1.0, 1.0, 4.0))
    assert strides[:2] == ((2, 2, 1), (2, 2, 1))
    assert strides[2] == (2, 2, 2)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("thin", [1, 6])
def test_an_axis_too_short_to_be_halved_holds_no_other_back(axis, thin):
    size = tuple(thin if other == axis else 96 for other in range(3))
    strides = strides_for(size, (1.0, 1.0, 1.0))
    assert strides == (tuple(1 if other == axis else 2 for other in range(3)),) * 4


def test_filters_double_at_each_level_up_to_a_limit():
    strides = ((2, 2, 2),) * 4
    assert planned_spec(1, 1, strides, None, False).filters == (16, 32, 64, 128, 256)
    assert planned_spec(1, 1, strides, 32, False).filters == (32, 64, 128, 256, 256)


def test_patch_sides_are_multiples_of_the_product_of_strides():
    spec = planned_spec(1, 1, ((2, 2, 1), (2, 2, 2)), None, False)
    assert spec.divisor == divisor_of(spec.strides) == (4, 4, 2)
    assert divisor_of(()) == (1, 1, 1)
