"""An augmented patch is still the case: label with image, reproducible, finite."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.training.augmentation import NONE, Augmentation, augmented_patch
from unet.training.sampler import PatchPlace, cut, patch_place, patch_rng

STRONG = Augmentation(mirror_axes=(0, 1, 2), affine=1.0, intensity=1.0)


def ball(shape=(30, 28, 26), centre=(14, 13, 12), radius=7):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    label = (np.linalg.norm(grid - np.array(centre), axis=-1) < radius).astype(np.uint8)
    image = np.stack([label * 4.0 - 1, 1.0 - label], -1).astype(np.float16)
    return image, label


def centred(start, size):
    """A patch that was drawn for no labelled voxel."""
    return PatchPlace(start, tuple((edge - 1) / 2 for edge in size))


def drawn(settings, seed=0, size=(20, 20, 20), start=(4, 3, 2), spacing=(1, 1, 1)):
    image, label = ball()
    rng = np.random.default_rng(seed)
    return augmented_patch(image, label, centred(start, size), size, rng, settings, spacing)


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
            image,
            label,
            centred(start, size),
            size,
            np.random.default_rng(seed),
            settings,
            spacing,
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
            image,
            label,
            centred((0, 0, 0), (8, 8, 8)),
            (8, 8, 8),
            np.random.default_rng(seed),
            STRONG,
        )
        assert np.isfinite(patch).all()


def case_of(label, image=None):
    """A prepared case of unknown spacing."""
    voxels = {1: np.argwhere(label).astype(np.int32)}
    image = np.ones((*label.shape, 1), np.float16) if image is None else image
    return SimpleNamespace(image=image, label=label, foreground=voxels)


@pytest.mark.parametrize("corner", [(0, 0, 0), (39, 39, 11), (20, 0, 11)])
def test_no_turn_pushes_the_lesion_out_of_the_patch(corner):
    """The voxel that a patch was drawn for stays in it, at the volume's edge as well."""
    label = np.zeros((40, 40, 12), np.uint8)
    label[corner] = 1
    case, size = case_of(label), (16, 16, 8)
    turned = Augmentation(mirror_axes=(0,), affine=1.0, intensity=0.0)
    held = 0
    for index in range(200):
        rng = patch_rng(0, 0, index)
        place = patch_place(case, size, (1,), rng)
        if place.anchor != centred((0, 0, 0), size).anchor:
            _, mask = augmented_patch(case.image, label, place, size, rng, turned)
            held += 1
            assert mask.any()
    assert held > 50


def test_thin_volumes_of_unknown_spacing_are_not_filled_with_nothing():
    """As lower-grade gliomas are: 256 × 256 × 30, slices seven times as thick as wide."""
    label = np.zeros((200, 220, 30), np.uint8)
    label[60:100, 80:120, 10:20] = 1
    case, size = case_of(label), (96, 96, 24)
    turned = Augmentation(mirror_axes=(), affine=1.0, intensity=0.0)

    def zeros(width):
        shares = []
        for index in range(30):
            rng = patch_rng(1, 0, index)
            place = patch_place(case, size, (1,), rng)
            patch, _ = augmented_patch(case.image, label, place, size, rng, turned, width)
            shares.append(float((patch == 0).mean()))
        return np.mean(shares)

    assert zeros((1.1, 1.0, 7.0)) < zeros((1.0, 1.0, 1.0)) / 2
