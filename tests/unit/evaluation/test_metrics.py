import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from unet.evaluation.metrics import centre_crop, count_lesions, dice, score_region
from unet.evaluation.surface import element_areas, surface_distances

masks = arrays(bool, (5, 6, 4))


def ball(radius_mm, spacing=(1.0, 1.0, 1.0), shape=(48, 48, 48), shift_mm=(0, 0, 0)):
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    square = sum(
        ((g - n / 2) * s - m) ** 2
        for g, n, s, m in zip(grid, shape, spacing, shift_mm, strict=True)
    )
    return square <= radius_mm**2


def box(low, high, shape=(30, 30, 30)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


class TestDice:
    @given(a=masks, b=masks)
    def test_is_symmetric_bounded_and_equals_the_definition(self, a, b):
        value = dice(a, b)
        assert value == dice(b, a)
        assert 0 <= value <= 1
        if a.any() or b.any():
            sets = set(np.flatnonzero(a)), set(np.flatnonzero(b))
            assert value == 2 * len(sets[0] & sets[1]) / (len(sets[0]) + len(sets[1]))

    def test_boxes_that_half_overlap_score_a_half(self):
        assert dice(box((0, 0, 0), (10, 10, 10)), box((5, 0, 0), (15, 10, 10))) == 0.5

    def test_shapes_must_agree(self):
        with pytest.raises(ValueError, match="shapes"):
            dice(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)))


class TestSurface:
    def test_the_area_of_a_flat_face_is_exact_for_uneven_voxels(self):
        areas = element_areas((1.0, 2.0, 3.0))
        assert areas[0] == areas[255] == 0
        assert areas[0b00001111] == pytest.approx(2.0 * 3.0)
        assert areas[0b00110011] == pytest.approx(1.0 * 3.0)
        assert areas[0b01010101] == pytest.approx(1.0 * 2.0)

    def test_a_code_and_its_rotations_have_one_area(self):
        areas = element_areas((1.0, 1.0, 1.0))
        corners = [1 << i for i in range(8)]
        assert np.ptp(areas[corners]) < 1e-12
        assert areas[corners[0]] == pytest.approx(math.sqrt(3) / 8)

    def test_the_area_of_a_sphere_is_close_to_its_closed_form(self):
        mask = ball(18, (1.0, 1.0, 2.0), (48, 48, 24))
        found = surface_distances(mask, mask, (1.0, 1.0, 2.0))
        # Polygons through edge midpoints are known to be some 8 % too large on a sphere.
        assert found.truth_area.sum() == pytest.approx(4 * math.pi * 18**2, rel=0.12)

    def test_concentric_spheres_are_their_difference_of_radii_apart(self):
        found = surface_distances(ball(12), ball(17), (1.0, 1.0, 1.0))
        assert found.hausdorff(95) == pytest.approx(5, abs=0.6)
        assert found.surface_dice(3) == 0
        assert found.surface_dice(6) == 1

    def test_a_shifted_box_has_the_closed_forms_of_its_shift(self):
        shape = (60, 60, 60)
        truth, prediction = box((5, 5, 5), (45, 45, 45), shape), box((9, 5, 5), (49, 45, 45), shape)
        found = surface_distances(prediction, truth, (2.0, 1.0, 1.0))
        assert found.hausdorff(100) == 8.0
        # The two end faces are 4 voxels (8 mm) off, a tenth of the four side faces sticks out.
        sides, ends = 4 * 80 * 40, 2 * 40 * 40
        assert found.surface_dice(0.1) == pytest.approx(0.9 * sides / (sides + ends), abs=0.02)

    def test_distances_scale_with_the_spacing(self):
        a, b = ball(9), ball(11, shift_mm=(2, 0, 0))
        one = surface_distances(a, b, (1.0, 1.0, 1.0))
        three = surface_distances(a, b, (3.0, 3.0, 3.0))
        assert three.hausdorff() == pytest.approx(3 * one.hausdorff())
        assert three.surface_dice(3) == pytest.approx(one.surface_dice(1))

    def test_a_spacing_that_float32_rounded_up_loses_no_surface_at_the_tolerance(self):
        a, b = box((5, 5, 5), (20, 20, 20)), box((6, 5, 5), (21, 20, 20))
        exact, rounded = (surface_distances(a, b, (size,) * 3) for size in (1.0, 1.0000001))
        assert rounded.surface_dice(1) == pytest.approx(exact.surface_dice(1)) == 1

    @settings(deadline=None, max_examples=30)
    @given(a=masks, b=masks)
    def test_every_mask_has_a_closed_surface_and_no_distance_from_itself(self, a, b):
        if not (a.any() and b.any()):
            return
        found = surface_distances(a, b, (1.0, 1.5, 2.0))
        assert found.truth_area.min() > 0
        assert found.prediction_area.min() > 0
        same = surface_distances(a, a, (1.0, 1.5, 2.0))
        assert same.hausdorff(100) == 0
        assert same.surface_dice(0) == 1

    @pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.3, 4.0)])
    @pytest.mark.parametrize("seed", range(4))
    def test_agrees_with_the_published_library(self, seed, spacing):
        published = pytest.importorskip("surface_distance", reason="pip install surface-distance")
        rng = np.random.default_rng(seed)
        truth, prediction = (
            np.logical_or.reduce(
                [
                    ball(rng.uniform(4, 9), spacing, (40, 36, 24), rng.uniform(-5, 5, 3))
                    for _ in range(3)
                ]
            )
            for _ in range(2)
        )
        theirs = published.compute_surface_distances(truth, prediction, spacing)
        ours = surface_distances(prediction, truth, spacing)
        assert ours.hausdorff(95) == pytest.approx(
            published.compute_robust_hausdorff(theirs, 95), abs=0.3
        )
        for tolerance in (1.0, 2.0):
            assert ours.surface_dice(tolerance) == pytest.approx(
                published.compute_surface_dice_at_tolerance(theirs, tolerance), abs=0.01
            )


def test_volumes_are_millilitres_only_where_the_spacing_is_known():
    mask = box((0, 0, 0), (10, 10, 10), (10, 12, 14))
    assert score_region(
        "tumour", mask, mask, spacing=(1.0, 2.0, 3.0)
    ).volume_truth == pytest.approx(6.0)
    assert score_region("tumour", mask, mask, spacing=None).volume_truth == 1000


class TestCourseCrop:
    def test_is_the_centre_of_the_brats_grid(self):
        volume = np.zeros((240, 240, 155), bool)
        assert centre_crop(volume).shape == (144, 144, 144)
        volume[48, 48, 5] = True
        assert centre_crop(volume)[0, 0, 0]

    def test_leaves_small_volumes_whole(self):
        assert centre_crop(np.zeros((35, 200, 155))).shape == (35, 144, 144)

    def test_does_not_count_what_lies_outside(self):
        truth = box((0, 0, 0), (10, 10, 10), (200, 200, 155))
        truth[90:110, 90:110, 70:90] = True
        prediction = truth.copy()
        prediction[:10] = False
        score = score_region("tumour", prediction, truth, spacing=None)
        assert score.dice < 1
        assert score.dice_course_crop == 1


def test_lesions_are_counted_by_overlap():
    truth = box((0, 0, 0), (3, 3, 3)) | box((10, 0, 0), (13, 3, 3)) | box((20, 0, 0), (22, 2, 2))
    prediction = (
        box((2, 2, 2), (5, 5, 5)) | box((11, 0, 0), (12, 2, 2)) | box((25, 25, 25), (28, 28, 28))
    )
    lesions = count_lesions(prediction, truth)
    assert (lesions.truth, lesions.predicted) == (3, 3)
    assert (lesions.found, lesions.spurious) == (2, 1)


def test_voxels_that_touch_by_a_corner_are_one_lesion():
    mask = box((0, 0, 0), (2, 2, 2)) | box((2, 2, 2), (4, 4, 4))
    assert count_lesions(mask, mask).truth == 1
