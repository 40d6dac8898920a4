import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.orientations import ALL_48, affine_of

from unet.data import geometry
from unet.data.preparation import prepare_image, prepare_label, restore
from unet.data.recipe import CtStats, Recipe


def head(seed=0, shape=(20, 24, 18), background=0.0, scale=1.0):
    """A body of random voxels in a constant background, [X, Y, Z]."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, background, dtype=np.float32)
    inner = rng.normal(100, 20, [n - 8 for n in shape])
    image[4:-4, 4:-4, 4:-4] = inner * scale
    return image


@settings(max_examples=60)
@given(
    orientation=st.sampled_from(ALL_48),
    shape=st.tuples(*[st.integers(10, 20)] * 3),
    angles=st.tuples(*[st.floats(-15, 15)] * 3),
)
def test_without_resampling_every_voxel_returns_to_its_place(orientation, shape, angles):
    affine = affine_of(*orientation, angles=angles)
    image, record = prepare_image(head(shape=shape), affine, (1, 1, 1), Recipe())
    label = np.random.default_rng(1).integers(0, 3, shape).astype(np.uint8)
    prepared = prepare_label(label, record)
    assert prepared.shape == image.shape[:3] == record.shape
    back = restore((prepared[..., None] == [1, 2]).astype(np.float32), record)
    inside = head(shape=shape) != 0
    assert np.array_equal(back[inside][:, 0] == 1, label[inside] == 1)
    assert np.array_equal(back[inside][:, 1] == 1, label[inside] == 2)
    assert not back[~inside].any()


@settings(max_examples=25, deadline=None)
@given(
    orientation=st.sampled_from(ALL_48),
    sizes=st.tuples(*[st.floats(0.6, 2.0)] * 3),
    centre=st.tuples(*[st.floats(12, 17)] * 3),
)
def test_a_resampled_case_returns_to_its_own_grid(orientation, sizes, centre):
    shape = (28, 30, 32)
    grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    distance = sum((axis - middle) ** 2 for axis, middle in zip(grid, centre, strict=True))
    truth = distance < 8.0**2
    affine = affine_of(*orientation, sizes=sizes)
    spacing = geometry.spacing_of(affine, "mm", geometry.orientation_of(affine))
    recipe = Recipe(spacing=(1.0, 1.0, 1.0))
    image, record = prepare_image(head(shape=shape), affine, spacing, recipe)
    assert record.spacing == (1.0, 1.0, 1.0) or record.shape == record.shape_cropped
    prepared = prepare_label(truth.astype(np.uint8), record)
    assert prepared.shape == image.shape[:3]
    found = restore((prepared > 0).astype(np.float32)[..., None], record)[..., 0] > 0.5
    assert found.shape == shape
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.88
    for axis in range(
        3
    ):  # nothing shifts by half a voxel, whatever the order and direction of the axes
        assert abs(np.nonzero(found)[axis].mean() - np.nonzero(truth)[axis].mean()) < 0.45


@pytest.mark.parametrize("background", [0.0, -3.62, -1024.0])
@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e6])
def test_scale_and_background_do_not_matter(background, scale):
    plain, _ = prepare_image(head(), np.eye(4), None, Recipe())
    other, record = prepare_image(
        head(background=background, scale=scale), np.eye(4), None, Recipe()
    )
    assert record.shape == (12, 16, 10)
    assert other.dtype == np.float16
    assert np.allclose(plain, other, atol=4e-3)


def test_the_body_is_standardised_and_its_surroundings_are_zero():
    image = head()
    image[4, 4:10, 4:10] = 0.0  # a notch that joins the outside
    prepared, _ = prepare_image(image, np.eye(4), None, Recipe())
    body = np.ones(prepared.shape[:3], bool)
    body[0, :6, :6] = False
    values = prepared[..., 0][body].astype(np.float64)
    assert abs(values.mean()) < 2e-3
    assert abs(values.std() - 1) < 2e-3
    assert not prepared[0, :6, :6].any()


def test_saturated_voxels_do_not_stretch_the_scale():
    image = head(shape=(40, 40, 40))
    image[10, 10, 10:20] = 32767
    prepared, record = prepare_image(image, np.eye(4), None, Recipe())
    assert record.normalisation[0].high < 200
    assert 2 < prepared.max() < 4


def test_each_channel_is_normalised_by_itself_and_a_constant_one_is_zero():
    array = np.stack([head(0), head(1, scale=1000.0), np.full((20, 24, 18), 7.0)], axis=-1)
    prepared, _ = prepare_image(array.astype(np.float32), np.eye(4), None, Recipe())
    assert np.isfinite(prepared).all()
    deviations = prepared.astype(np.float64).std(axis=(0, 1, 2))
    assert np.allclose(deviations[:2], 1, atol=0.01)
    assert deviations[2] == 0


def test_ct_is_normalised_by_the_data_set_and_air_stays_air():
    image = head(background=-1000.0)
    image[4, 4:10, 4:10] = -1000.0
    stats = (CtStats(low=-50, high=150, mean=50, sd=25),)
    prepared, _ = prepare_image(image, np.eye(4), None, Recipe(scheme="ct", ct_stats=stats))
    assert prepared.min() == prepared[0, 0, 0, 0] == (-50 - 50) / 25
    assert prepared.max() <= (150 - 50) / 25


@pytest.mark.parametrize(
    ("spacing", "target"),
    [(None, (2.0, 2.0, 2.0)), ((1.0, 1.0, 1.005), (1.0, 1.0, 1.0)), ((0.5, 2.0, 3.0), None)],
)
def test_nothing_is_resampled_if_spacing_is_unknown_even_or_unwanted(spacing, target):
    prepared, record = prepare_image(head(), np.eye(4), spacing, Recipe(spacing=target))
    assert prepared.shape[:3] == record.shape_cropped
    assert record.spacing == spacing


def test_a_case_of_unknown_spacing_is_coarsened_by_the_recipes_factors():
    recipe = Recipe(spacing=(9.0, 9.0, 9.0), shrink=(2.0, 2.0, 1.0))
    prepared, record = prepare_image(head(), np.eye(4), None, recipe)
    assert record.shape_cropped == (12, 16, 10)
    assert prepared.shape[:3] == record.shape == (6, 8, 10)
    assert record.spacing is None
    known, _ = prepare_image(head(), np.eye(4), (9.0, 9.0, 9.0), recipe)
    assert known.shape[:3] == (12, 16, 10)


@pytest.mark.parametrize("shape", [(1, 1, 1), (31, 17, 9), (2, 40, 1)])
def test_odd_and_tiny_volumes_are_prepared(shape):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    recipe = Recipe(spacing=(2.0, 2.0, 2.0))
    prepared, record = prepare_image(image, np.eye(4), (1.0, 1.0, 1.0), recipe)
    assert np.isfinite(prepared).all()
    assert min(prepared.shape[:3]) >= 1
    back = restore(np.ones((*record.shape, 2), np.float32), record)
    assert back.shape == (*shape, 2)
    assert np.allclose(back, 1)


def test_the_record_survives_json():
    affine = affine_of((2, 0, 1), (-1, 1, -1), angles=(5, 6, 7))
    _, record = prepare_image(head(), affine, None, Recipe(), "case_1")
    assert type(record).model_validate_json(record.model_dump_json()) == record
    assert np.array_equal(record.affine_array, affine)
    assert record.case == "case_1"
