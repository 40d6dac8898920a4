"""Ranks share an epoch's patches; a resumed run goes on with the same ones."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from unet.data.cache import Cache
from unet.data.msd import load_dataset
from unet.data.recipe import Recipe
from unet.data.regions import make_target
from unet.system.errors import DataError
from unet.training import feed as module
from unet.training.feed import Feed


@pytest.fixture
def make(maker, tmp_path):
    """Makes a feed of seven cases; more arguments go to `Feed`."""
    for index in range(7):
        maker.case(f"c{index}", image=maker.image(seed=index))
    dataset = load_dataset(maker.root)
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    cases = [case.id for case in dataset.cases]
    return partial(Feed, cache, cases, make_target(dataset), (8, 8, 8), seed=816)


def by_index(batches, rank=0, size=1):
    """The patches by their global index in the epoch."""
    found, index = {}, rank
    for batch in batches:
        for image, target, case in zip(batch.image, batch.target, batch.cases, strict=True):
            found[index] = (case, image.tobytes(), target.tobytes())
            index += size
    return found


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_batch_has_the_promised_shapes_and_types(make):
    (batch,) = make(batch_size=3).batches(0, 1)
    assert (batch.image.shape, batch.image.dtype) == ((3, 8, 8, 8, 1), np.float32)
    assert (batch.target.shape, batch.target.dtype) == ((3, 8, 8, 8, 3), np.uint8)
    assert (batch.target.sum(axis=-1) == 1).all()  # labels exclude each other
    assert len(set(batch.cases)) == 3


def test_the_same_epoch_again_is_the_same_and_the_next_is_not(make):
    first = by_index(make(batch_size=2).batches(3, 4))
    assert by_index(make(batch_size=2).batches(3, 4)) == first
    assert by_index(make(batch_size=2).batches(4, 4)) != first


def test_an_epoch_goes_on_in_its_midst(make):
    whole = by_index(make(batch_size=2).batches(1, 6))
    rest = by_index(make(batch_size=2).batches(1, 6, first=4), rank=8)
    assert rest == {index: whole[index] for index in range(8, 12)}


@pytest.mark.parametrize(("ranks", "batch"), [(2, 3), (3, 2), (6, 1)])
def test_any_number_of_ranks_draws_the_same_patches_each_once(make, ranks, batch):
    alone = by_index(make(batch_size=6).batches(2, 3))
    shared = {}
    for rank in range(ranks):
        share = make(batch_size=batch, rank=rank, size=ranks).batches(2, 3)
        found = by_index(share, rank, ranks)
        assert not shared.keys() & found.keys()
        shared |= found
    assert shared == alone


def test_more_cases_than_may_be_open_are_no_trouble(make, monkeypatch):
    whole = by_index(make(batch_size=7).batches(0, 3))
    monkeypatch.setattr(module, "OPEN_CASES", 2)
    few = make(batch_size=7)
    before = open_files()
    assert by_index(few.batches(0, 3)) == whole
    assert open_files() <= before + 2 * 2


def test_a_case_that_vanishes_is_named(make, maker):
    feed = make(batch_size=7)
    (maker.root / "imagesTr/c3.nii.gz").unlink()
    with pytest.raises(DataError, match=r"c3\.nii\.gz: no such file"):
        next(feed.batches(0, 1))
