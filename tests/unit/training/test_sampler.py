"""Which patch comes next: for any sizes, seeds and ranks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.data.cache_entry import PreparedCase
from unet.data.foreground import foreground_voxels
from unet.data.preparation import prepare_image
from unet.data.recipe import Recipe
from unet.training.sampler import FOREGROUND_SHARE, case_order, cut, patch_place, patch_rng

sides = st.tuples(*[st.integers(1, 24)] * 3)


def prepared(shape, label=None):
    image, record = prepare_image(np.ones(shape, np.float32), np.eye(4), None, Recipe())
    label = np.zeros(shape, np.uint8) if label is None else label
    return PreparedCase(image, label, foreground_voxels(label, "a"), record)


@given(st.integers(0, 2**31 - 1), st.integers(0, 999), st.integers(1, 40), st.integers(1, 200))
def test_every_case_comes_equally_often(seed, epoch, cases, patches):
    order = case_order(seed, epoch, cases, patches)
    counts = np.bincount(order, minlength=cases)
    assert order.shape == (patches,)
    assert counts.max() - counts.min() <= 1
    # A longer epoch begins like a shorter one: nothing depends on how many are asked for.
    assert np.array_equal(case_order(seed, epoch, cases, patches + 7)[:patches], order)


def test_epochs_and_seeds_differ():
    first = case_order(816, 0, 40, 40)
    assert not np.array_equal(first, case_order(816, 1, 40, 40))
    assert not np.array_equal(first, case_order(817, 0, 40, 40))
    drawn = {patch_rng(816, e, i).random() for e in range(20) for i in range(50)}
    assert len(drawn) == 1000


@given(sides, sides, st.integers(0, 2**31 - 1), st.booleans())
def test_a_patch_lies_inside_or_holds_the_whole_axis(shape, patch, seed, labelled):
    label = np.zeros(shape, np.uint8)
    if labelled:
        label[tuple(np.random.default_rng(seed).integers(0, shape))] = 1
    start = patch_place(prepared(shape, label), patch, (1,), np.random.default_rng(seed)).start
    for first, edge, size in zip(start, patch, shape, strict=True):
        if size >= edge:
            assert 0 <= first <= size - edge
        else:
            assert first <= 0
            assert first + edge >= size
            assert abs((first + edge - size) + first) <= 1  # centred


def test_foreground_patches_hold_a_label_and_each_label_comes_equally_often():
    label = np.zeros((40, 40, 40), np.uint8)
    label[2:20, 2:20, 2:20] = 1  # 5,832 voxels
    label[37, 37, 37] = 2
    case, patch = prepared(label.shape, label), (6, 6, 6)
    hits = {1: 0, 2: 0}
    draws = 2000
    for index in range(draws):
        start = patch_place(case, patch, (1, 2), patch_rng(0, 0, index)).start
        found = np.unique(cut(label, start, patch))
        for value in hits:
            hits[value] += value in found
    # The single voxel is in a random patch once in 40,000.
    assert hits[2] / draws == pytest.approx(FOREGROUND_SHARE / 2, abs=0.04)
    assert hits[1] / draws > FOREGROUND_SHARE / 2


def test_labels_out_of_the_target_are_no_foreground():
    label = np.zeros((40, 40, 40), np.uint8)
    label[39, 39, 39] = 5
    case = prepared(label.shape, label)
    starts = [patch_place(case, (4, 4, 4), (1,), patch_rng(0, 0, i)).start for i in range(300)]
    assert (36, 36, 36) not in starts


@given(sides, sides, st.tuples(*[st.integers(-30, 30)] * 3))
def test_a_cut_is_the_volume_inside_and_zero_outside(shape, size, start):
    volume = np.random.default_rng(0).integers(1, 99, shape)
    padded = np.pad(volume, 60)
    where = tuple(slice(s + 60, s + 60 + n) for s, n in zip(start, size, strict=True))
    assert np.array_equal(cut(volume, start, size), padded[where])
