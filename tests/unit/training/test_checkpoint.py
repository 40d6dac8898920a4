"""Checkpoints are whole or absent, whatever becomes of their writer or their files."""

import errno
import os

import numpy as np
import pytest

from unet.parallel.fence import Fence
from unet.system.errors import DiskError, PeerLostError
from unet.training import checkpoint as module
from unet.training.checkpoint import CheckpointStore, read_checkpoint
from unet.training.position import Position

ARRAYS = {"model/0000": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "ema/0000": np.ones(5)}


def position(step, **changes):
    settings = {
        "epoch": 0,
        "step": step,
        "global_step": step,
        "steps_per_epoch": 10,
        "epochs": 2,
        "ranks": 1,
        "batch_size": 1,
        "threads": 1,
    }
    return Position.model_validate(settings | changes)


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path, Fence(tmp_path, 1))


def names(store):
    return sorted(path.name for path in store.folder.iterdir())


def test_what_was_saved_is_read_back_exactly(store):
    path = store.save(position(3, settings={"seed": 7}), ARRAYS)
    found, fault = read_checkpoint(path)
    assert fault == ""
    assert found.position == position(3, settings={"seed": 7})
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


@pytest.mark.parametrize("name", ["state.npz", "state.json", "manifest.json"])
def test_truncated_at_any_length_it_is_told_from_a_sound_one(store, name):
    path = store.save(position(3), ARRAYS)
    whole = (path / name).read_bytes()
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        (path / name).write_bytes(whole[:length])
        found, fault = read_checkpoint(path)
        assert found is None, length
        assert fault


def test_truncated_anywhere_the_one_before_is_used_with_a_warning(store):
    sound = store.save(position(3), ARRAYS)
    for name in ("state.npz", "state.json", "manifest.json"):
        for eighth in range(8):
            newest = store.save(position(4), ARRAYS)
            whole = (newest / name).read_bytes()
            (newest / name).write_bytes(whole[: len(whole) * eighth // 8])
            warnings = []
            found = store.newest_sound(lambda path, fault, w=warnings: w.append((path, fault)))
            assert found.path == sound
            ((path, fault),) = warnings
            assert (path, bool(fault)) == (newest, True)
            assert names(store) == ["000003", "damaged.000004"]


def test_one_flipped_bit_is_noticed(store):
    path = store.save(position(3), ARRAYS)
    content = bytearray((path / "state.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (path / "state.npz").write_bytes(content)
    assert read_checkpoint(path) == (None, "state.npz does not match its manifest")


def test_newest_two_and_the_best_are_kept(store):
    store.mark_best(store.save(position(1), ARRAYS))
    for step in range(2, 6):
        store.save(position(step), ARRAYS)
    assert names(store) == ["000001", "000004", "000005", "best"]


def test_steps_are_ordered_by_number_beyond_six_digits(store):
    for step in (999_998, 999_999, 1_000_000):
        store.save(position(step), ARRAYS)
    assert names(store) == ["1000000", "999999"]
    assert store.newest_sound(pytest.fail).position == position(1_000_000)


def test_damaged_one_set_aside_does_not_count_among_the_newest_two(store):
    for step in (1, 2):
        store.save(position(step), ARRAYS)
    store.set_aside(store.folder / "000002")
    store.save(position(2), ARRAYS)
    assert names(store) == ["000001", "000002", "damaged.000002"]


def test_killed_between_two_renames_the_displaced_one_returns(store):
    path = store.save(position(3), ARRAYS)
    path.rename(path.with_name(".replaced.000003"))  # as a kill in the middle leaves it
    (store.folder / ".writing.x").mkdir()
    store.clean()
    assert names(store) == ["000003"]
    assert read_checkpoint(path)[0] is not None


def test_older_attempt_ends_before_it_renames_anything(store, tmp_path):
    store.save(position(1), ARRAYS)
    Fence(tmp_path, 2).raise_to_own()
    before = names(store)
    with pytest.raises(PeerLostError, match="attempt 2 has this run"):
        store.save(position(2), ARRAYS)
    with pytest.raises(PeerLostError):
        store.mark_best(store.folder / "000001")
    with pytest.raises(PeerLostError):
        store.clear()
    assert names(store) == before


def test_write_that_a_newer_attempt_clears_away_is_no_full_disk(store, tmp_path, monkeypatch):
    plain = module.write_text

    def cleared(file, text):
        Fence(tmp_path, 2).raise_to_own()
        CheckpointStore(tmp_path, Fence(tmp_path, 2)).clean()
        plain(file, text)

    monkeypatch.setattr(module, "write_text", cleared)
    with pytest.raises(PeerLostError, match="attempt 2 has this run"):
        store.save(position(1), ARRAYS)


def test_fence_is_never_lowered(tmp_path):
    Fence(tmp_path, 5).raise_to_own()
    with pytest.raises(PeerLostError) as caught:
        Fence(tmp_path, 4).raise_to_own()
    assert caught.value.code == 13
    assert (tmp_path / "fence").read_text() == "5\n"
    Fence(tmp_path, 5).raise_to_own()


def test_disk_that_fills_while_writing_keeps_the_older_one(store, monkeypatch):
    store.save(position(1), ARRAYS)

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.np, "savez", full)
    with pytest.raises(DiskError, match="No space left") as caught:
        store.save(position(2), ARRAYS)
    assert caught.value.code == 12
    assert names(store) == ["000001"]
    assert read_checkpoint(store.folder / "000001")[0] is not None
