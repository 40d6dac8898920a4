"""A model file holds all that inference needs, in our own form and in the course's."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from support.balls import make_about, some_weights

from unet.network.model import build_network
from unet.network.saved_model import COURSE_FILE, OWN_FILE, load_model, save_model
from unet.system.errors import DataError

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(__file__).with_name("data")
FORMS = (OWN_FILE, COURSE_FILE)
IMAGE = np.random.default_rng(1).normal(size=(1, 8, 8, 8, 1)).astype(np.float32)


def saved(file, normalisation="instance", factor=1.0):
    """Saves a model of known weights; returns what was saved."""
    about = make_about(normalisation=normalisation)
    weights = [factor * array for array in some_weights(about.plan.network)]
    save_model(file, about, weights)
    return about, weights


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("normalisation", ["instance", "batch"])
@pytest.mark.parametrize("name", FORMS)
def test_what_is_saved_is_loaded_bit_by_bit(tmp_path, name, normalisation):
    about, weights = saved(tmp_path / name, normalisation)
    found = load_model(tmp_path / name)
    assert (found.path, found.about) == (tmp_path / name, about)
    assert_same(found.weights, weights)


@pytest.mark.parametrize("normalisation", ["instance", "batch"])
def test_file_of_the_previous_release_computes_the_same_in_either_form(tmp_path, normalisation):
    old = load_model(DATA / f"previous_release_{normalisation}.hdf5")
    assert (old.dataset_name, old.about.epoch, old.about.validation_dice) == ("Balls", 3, 0.5)
    rng = np.random.default_rng(0)  # as it was made
    shapes = [weight.shape for weight in build_network(old.plan.network).get_weights()]
    assert_same(old.weights, [rng.uniform(0.1, 1, s).astype(np.float32) for s in shapes])
    for name in FORMS:
        save_model(tmp_path / name, old.about, old.weights)
        again = load_model(tmp_path / name)
        np.testing.assert_array_equal(again.model()(IMAGE), old.model()(IMAGE))


def test_keras_alone_loads_the_courses_file(tmp_path, capfd):
    about, _ = saved(tmp_path / COURSE_FILE)
    assert capfd.readouterr().err == ""
    alone = keras.saving.load_model(tmp_path / COURSE_FILE, compile=False)
    ours = load_model(tmp_path / COURSE_FILE).model()
    expected = keras.ops.sigmoid(ours(IMAGE))
    assert about.plan.target.activation == "sigmoid"
    np.testing.assert_allclose(alone(IMAGE), expected, atol=1e-5)
    with h5py.File(tmp_path / COURSE_FILE) as file:
        assert set(file.attrs) == {"backend", "keras_version", "model_config", "unet"}


@pytest.mark.parametrize("below", ["", "model"])
def test_folder_gives_our_own_form_first(tmp_path, below):
    folder = tmp_path / below
    saved(folder / COURSE_FILE)
    assert load_model(tmp_path).path == folder / COURSE_FILE
    saved(folder / OWN_FILE)
    assert load_model(tmp_path).path == folder / OWN_FILE


@pytest.mark.parametrize("name", FORMS)
def test_damaged_file_is_one_line(tmp_path, name):
    saved(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], b"\xff" * 1000):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DataError, match=r"damaged \(.*\); take another checkpoint") as caught:
            load_model(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_named(tmp_path):
    about, weights = saved(tmp_path / OWN_FILE)
    names = [variable.path for variable in build_network(about.plan.network).weights]
    arrays = dict(zip(names, weights, strict=True))
    for change, words in (
        ({"other/kernel": weights[0]}, "other/kernel is unknown"),
        ({names[0]: weights[0][:1]}, f"{names[0]} has shape"),
    ):
        save_file(arrays | change, tmp_path / OWN_FILE, {"unet": about.model_dump_json()})
        with pytest.raises(DataError, match=words):
            load_model(tmp_path / OWN_FILE)


@pytest.mark.parametrize("name", FORMS)
def test_model_of_another_program_is_not_taken_for_ours(tmp_path, name):
    _, weights = saved(tmp_path / name)
    if name == OWN_FILE:
        save_file({"kernel": weights[0]}, tmp_path / name)
    else:
        with h5py.File(tmp_path / name, "r+") as file:
            del file.attrs["unet"]
    with pytest.raises(DataError, match="not written by unet; train it"):
        load_model(tmp_path / name)


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from support.balls import make_about, some_weights
from unet.network.saved_model import save_model

def kill_before_rename(event, _):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

about = make_about()
weights = some_weights(about.plan.network)
sys.addaudithook(kill_before_rename)
save_model(Path(sys.argv[1]), about, weights)
"""


@pytest.mark.parametrize("name", FORMS)
def test_killed_before_it_is_whole_it_leaves_the_old_file_and_no_litter_for_long(tmp_path, name):
    file = tmp_path / name
    _, old = saved(file, factor=2.0)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WRITER, str(file)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(list(tmp_path.iterdir())) == 2  # and what it was writing
    assert_same(load_model(file).weights, old)
    saved(file)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("what", ["h5py.File", "pathlib.Path.is_file"])
def test_a_model_that_may_not_be_read_is_not_called_a_full_disk(tmp_path, monkeypatch, what):
    (tmp_path / "m.hdf5").touch()

    def denied(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(what, denied)
    with pytest.raises(
        DataError, match=r"m\.hdf5: Permission denied for uid \d+; make it readable"
    ):
        load_model(tmp_path / "m.hdf5")
