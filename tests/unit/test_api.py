"""What a program calls: settings in, results out, nothing heavy on import."""

import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydantic import ValidationError
from support import tiny

import unet
from unet.data.msd import load_dataset
from unet.data.split import make_split
from unet.evaluation.folder import Folder
from unet.network.model import build_network
from unet.network.saved_model import About, load_model, save_model
from unet.planning.plan import Plan
from unet.system.errors import DataError, UsageError
from unet.system.threads import use_threads

use_threads(1)  # before TensorFlow's first operation in this process


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_dataset(tmp_path_factory.mktemp("api") / "data")


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    """An untrained model of the data set."""
    run = tiny.make_run(data, tmp_path_factory.mktemp("model"))
    plan = Plan.model_validate_json((run / "plan.json").read_text())
    about = About(
        plan=plan,
        split=make_split(load_dataset(data)),
        dataset_name="Tiny",
        channel_names=("MR0",),
    )
    network = plan.network.model_copy(update={"supervised_levels": 1})
    save_model(run / "m.hdf5", about, build_network(network).get_weights())
    return run / "m.hdf5"


LIGHT = """
import sys
import unet
assert "unet.api" not in sys.modules
settings = unet.TrainSettings(data_path="d", output="o", time_budget="20m", patch_size=32)
assert (settings.time_budget, settings.patch_size) == (1200.0, (32, 32, 32))
heavy = {"tensorflow", "numpy", "scipy", "nibabel", "yaml", "rich"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_interface_loads_nothing_heavy_before_it_is_called():
    subprocess.run(
        [sys.executable, "-c", LIGHT], check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )


def test_every_public_name_is_there_and_no_other():
    assert all(getattr(unet, name) is not None for name in unet.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        attrgetter("trian")(unet)


def test_settings_are_frozen_and_refuse_unknown_names():
    settings = unet.PredictSettings(images=("a.nii.gz",), saved_model="m", output="o")
    with pytest.raises(ValidationError, match="frozen"):
        settings.mirror = False
    with pytest.raises(ValidationError, match="overlaps"):
        unet.PredictSettings(images=("a",), saved_model="m", output="o", overlaps=0.5)
    with pytest.raises(ValidationError, match="is no share from 0 to below 1"):
        unet.PredictSettings(images=("a",), saved_model="m", output="o", overlap=1)


def test_a_training_returns_where_its_model_lies(data, tmp_path):
    run = tiny.make_run(data, tmp_path / "run")
    settings = unet.TrainSettings(data_path=data, output=run, threads=1, epochs=1)
    training = unet.train(settings)
    assert training.run == run
    assert training.model.is_relative_to(run)
    assert training.validation_dice == load_model(run).about.validation_dice
    assert training.learned is (training.validation_dice > 0.5)  # the ball fills a tenth or so
    assert load_model(training.model).dataset_name == load_dataset(data).name
    assert load_model(training.run).path.parent == training.model.parent


def test_what_dataset_json_shows_to_be_wrong_is_refused_before_a_folder_is_made(data, tmp_path):
    settings = unet.TrainSettings(data_path=data, output=tmp_path / "run", channels="CT")
    for call in (unet.plan, unet.train):
        with pytest.raises(UsageError, match="CT"):
            call(settings)
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_returns_its_results_and_prints_nothing(data, model, tmp_path, capsys):
    cases = []
    settings = unet.EvaluateSettings(
        data_path=data, saved_model=model, output=tmp_path / "o", cases="all", overlays=False
    )
    report = unet.evaluate(settings, on_case=lambda case, done, total: cases.append((done, total)))
    assert cases == [(number, 5) for number in range(1, 6)]
    assert len(report.results.cases) == 5
    assert report.postprocess is None  # not chosen on cases that the model was trained on
    assert (report.folder / "report.html").is_file()
    report.require_complete()
    assert capsys.readouterr().out == ""


def test_one_of_several_shards_returns_no_report_until_all_are_merged(data, model, tmp_path):
    def settings(shard):
        return unet.EvaluateSettings(
            data_path=data,
            saved_model=model,
            output=tmp_path,
            cases="all",
            shard=shard,
            overlays=False,
        )

    assert unet.evaluate(settings("0/2")) is None
    half = unet.api.report(Folder(tmp_path))
    with pytest.raises(DataError, match="2 of 5 cases have no result"):
        half.require_complete()
    assert unet.evaluate(settings("1/2")) is None
    unet.api.report(Folder(tmp_path)).require_complete()


def test_a_prediction_names_its_files_and_counts_its_voxels(data, model, tmp_path):
    image = data / "imagesTr" / "case_1.nii.gz"
    seen = []
    (prediction,) = unet.predict(
        unet.PredictSettings(
            images=(image,), saved_model=model, output=tmp_path / "o", save_probabilities=True
        ),
        on_prediction=seen.append,
    )
    assert seen == [prediction]
    assert prediction.image == image
    mask = np.asarray(nib.load(prediction.file).dataobj)
    assert mask.shape == nib.load(image).shape
    assert sum(prediction.voxels.values()) == np.count_nonzero(mask)
    assert Path(prediction.probabilities).name == "case_1_prob.nii.gz"
