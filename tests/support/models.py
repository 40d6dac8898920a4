"""A small model and data set, real through and through."""

import pytest

from support.balls import make_about, make_data, some_weights
from unet.data.split import Split
from unet.network.saved_model import load_model, save_model


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Four cases of bright balls, known spacing."""
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """A model file whose split validates on three cases and trained on the fourth."""
    split = Split(training=("case_3",), validation=("case_0", "case_1", "case_2"), scheme="random")
    path = tmp_path_factory.mktemp("run") / "model" / "3d_unet_decathlon.hdf5"
    about = make_about(split=split)
    save_model(path, about, some_weights(about.plan.network))
    return path


@pytest.fixture(scope="session")
def saved(model_file):
    return load_model(model_file)
