"""An augmented patch is still the case: label with image, reproducible, finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.training.augmentation import NONE, Augmentation, augmented_patch
from unet.training.sampler import cut

STRONG = Augmentation(mirror_axes=(0, 1, 2), affine=1.0, intensity=1.0)


def ball(shape=(30, 28, 26), centre=(14, 13, 12), radius=7):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    label = (np.linalg.norm(grid - np.array(centre), axis=-1) < radius).astype(np.uint8)
    image = np.stack([label * 4.0 - 1, 1.0 - label], -1).astype(np.float16)
    return image, label


def drawn(settings, seed=0, size=(20, 20, 20), start=(4, 3, 2), spacing=(1, 1, 1)):
    image, label = ball()
    rng = np.random.default_rng(seed)
    return augmented_patch(image, label, start, size, rng, settings, spacing)


def test_without_augmentation_a_patch_is_a_cut():
    image, label = ball()
    patch, mask = drawn(NONE)
    assert (patch.dtype, mask.dtype) == (np.float32, np.uint8)
    assert np.array_equal(patch, cut(image, (4, 3, 2), (20, 20, 20)).astype(np.float32))
    assert np.array_equal(mask, cut(label, (4, 3, 2), (20, 20, 20)))


@given(st.integers(0, 2**31 - 1), st.tuples(*[st.integers(1, 24)] * 3))
def test_any_patch_keeps_its_shape_and_is_finite_and_reproducible(seed, size):
    patch, mask = drawn(STRONG, seed, size)
    assert patch.shape == (*size, 2)
    assert mask.shape == size
    assert np.isfinite(patch).all()
    assert set(np.unique(mask)) <= {0, 1}
    assert patch.flags.c_contiguous
    assert mask.flags.c_contiguous
    again = drawn(STRONG, seed, size)
    assert np.array_equal(patch, again[0])
    assert np.array_equal(mask, again[1])


@pytest.mark.parametrize("seed", range(20))
def test_label_and_image_move_together(seed):
    patch, mask = drawn(Augmentation(mirror_axes=(0, 1, 2), affine=1.0, intensity=0.0), seed)
    bright = patch[..., 0] > 1
    assert 2 * (bright & (mask > 0)).sum() / (bright.sum() + mask.sum()) > 0.95


def test_a_ball_stays_a_ball_of_about_its_size_whatever_the_spacing():
    for spacing in ((1, 1, 1), (1, 1, 2), (1, 1, 5)):
        volumes = [drawn(STRONG, seed, spacing=spacing)[1].sum() for seed in range(30)]
        whole = ball()[1].sum()
        assert min(volumes) > 0.7**3 * whole * 0.8
        assert max(volumes) < 1.4**3 * whole * 1.2


@pytest.mark.parametrize(
    ("slices", "size", "spacing"),
    [(9, (20, 20, 1), (1, 1, 1)), (1, (20, 20, 5), (1, 1, 1)), (9, (20, 20, 6), (1, 1, 4))],
)
def test_thick_and_lone_slices_are_not_tilted(slices, size, spacing):
    label = np.zeros((30, 30, slices), np.uint8)
    label[:, :, slices // 2] = 1  # one slice
    image = label[..., None].astype(np.float16)
    start = (5, 5, slices // 2 - size[2] // 2)
    settings = Augmentation(mirror_axes=(), affine=1.0, intensity=0.0, scale=(1.0, 1.0))
    for seed in range(20):
        mask = augmented_patch(
            image, label, start, size, np.random.default_rng(seed), settings, spacing
        )[1]
        middle = mask[5:15, 5:15]
        assert (middle == middle[:1, :1]).all()
        assert middle.any()


def test_intensity_changes_leave_the_label_alone():
    plain = drawn(NONE, 1)
    patch, mask = drawn(Augmentation(mirror_axes=(), affine=0.0, intensity=1.0), 1)
    assert np.array_equal(mask, plain[1])
    assert not np.allclose(patch, plain[0], atol=0.05)
    assert patch[mask > 0, 0].mean() > patch[mask == 0, 0].mean() + 1


def test_a_constant_channel_survives_every_change():
    image, label = np.zeros((9, 9, 9, 1), np.float16), np.zeros((9, 9, 9), np.uint8)
    for seed in range(30):
        patch, _ = augmented_patch(
            image, label, (0, 0, 0), (8, 8, 8), np.random.default_rng(seed), STRONG
        )
        assert np.isfinite(patch).all()
