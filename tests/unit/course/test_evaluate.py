"""`evaluate_model.py` on a model file that was carried away from its run."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from unet.course.evaluate import evaluate_main
from unet.data.case_measurement import read_all_facts
from unet.data.msd import load_dataset
from unet.data.regions import make_target
from unet.data.split import make_split
from unet.network.model import build_network
from unet.network.saved_model import About, load_model, save_model
from unet.planning.fingerprint import make_fingerprint
from unet.planning.planner import make_plan
from unet.planning.settings import TrainSettings
from unet.system.machine import Machine


@pytest.fixture(scope="module")
def model(brains, tmp_path_factory):
    """The file of an untrained network of one feature map, and nothing beside it."""
    dataset = load_dataset(brains)
    split = make_split(dataset, "course")
    config = TrainSettings(
        data_path=brains,
        output=brains,
        network="course",
        split="course",
        filters=1,
        patch_size=(32, 32, 32),
        batch_size=1,
    )
    facts = read_all_facts(dataset, [case.id for case in dataset.cases], (0,))
    fingerprint = make_fingerprint(dataset, (0,), facts)
    machine = Machine(cores=2, memory_bytes=8 * 2**30, bfloat16=False)
    plan = make_plan(fingerprint, make_target(dataset), config, machine, split.training)
    about = About(plan=plan, split=split, dataset_name=dataset.name, channel_names=("FLAIR",))
    rng = np.random.default_rng(0)
    # Moving variances must stay positive; all else may be anything.
    weights = [
        np.abs(rng.normal(0.5, 0.2, w.shape)).astype(np.float32)
        for w in build_network(plan.network).get_weights()
    ]
    file = tmp_path_factory.mktemp("model") / "copied.hdf5"
    save_model(file, about, weights)
    return file


@pytest.fixture
def answer(brains, model, tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder: exit code and output."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        given = ["--data_path", str(brains), "--saved_model", str(model), *words]
        code = evaluate_main("evaluate_model.py", given)
        return code, capsys.readouterr().out

    return run


def test_validation_cases_are_scored_and_saved_whole_on_their_own_grid(answer, brains, tmp_path):
    code, said = answer("--bz=4")
    assert code == 0
    assert "no effect: --bz" in said
    dataset = load_dataset(brains)
    (case_id,) = make_split(dataset, "course").validation
    assert f"{case_id}, Dice = " in said
    assert said.splitlines()[-2].startswith("mean Dice = ")
    assert "course crop" in said
    folder = tmp_path / "predictions_directory"
    case = dataset.case(case_id)
    source, truth = nib.load(case.image), np.asarray(nib.load(case.label).dataobj)
    for kind in ("img", "msk", "pred"):
        saved = nib.load(folder / f"{case_id}_{kind}.nii.gz")
        assert saved.shape == source.shape[:3]
        np.testing.assert_allclose(saved.affine, source.affine, atol=1e-4)
    mask = np.asarray(nib.load(folder / f"{case_id}_msk.nii.gz").dataobj)
    np.testing.assert_array_equal(mask, truth > 0)
    found = np.asarray(nib.load(folder / f"{case_id}_pred.nii.gz").dataobj)
    assert set(np.unique(found)) <= {0, 1}
    assert [p.name for p in tmp_path.iterdir()] == ["predictions_directory"]
    assert (folder / "evaluation" / "report.html").is_file()


def test_a_missing_model_is_one_line_and_a_code(tmp_path, brains, capsys):
    words = ["--data_path", str(brains), "--saved_model", str(tmp_path / "none.hdf5")]
    assert evaluate_main("evaluate_model.py", words) == 10
    assert "no model there" in capsys.readouterr().err


PLAIN = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1], compile=False)
assert "unet" not in sys.modules
np.save(sys.argv[2], model(np.load(sys.argv[3])))
"""


def test_keras_alone_loads_the_file_and_predicts_the_same_probabilities(model, tmp_path):
    x = np.random.default_rng(1).normal(size=(1, 32, 48, 16, 1)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    files = [str(model), str(tmp_path / "p.npy"), str(tmp_path / "x.npy")]
    subprocess.run([sys.executable, "-c", PLAIN, *files], check=True, cwd=tmp_path)
    logits = load_model(model).model()(x).numpy()
    np.testing.assert_allclose(np.load(files[1]), 1 / (1 + np.exp(-logits)), atol=1e-5)
