"""The cases that are scored choose nothing: training does not even have them."""

import json
from pathlib import Path

import pytest
from held_out import hold_out

from unet.data.msd import load_dataset
from unet.data.phantom import make_phantom


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "Task04_Hippocampus"
    make_phantom(folder, "Task04_Hippocampus", 6)
    return folder


def test_training_has_no_file_of_a_held_out_case(data: Path, tmp_path: Path) -> None:
    held = hold_out(data, tmp_path, fold=1, folds=3)
    whole = {case.id for case in load_dataset(data).cases}
    trained = {case.id for case in load_dataset(held.training).cases}
    assert set(held.cases) | trained == whole
    assert not set(held.cases) & trained
    files = " ".join(str(file) for file in tmp_path.rglob("*"))
    assert not any(case in files for case in held.cases)


def test_the_folds_hold_out_every_case_once(data: Path, tmp_path: Path) -> None:
    held = [hold_out(data, tmp_path / str(f), f, 3).cases for f in range(3)]
    cases = [case for fold in held for case in fold]
    assert sorted(cases) == sorted(case.id for case in load_dataset(data).cases)


def test_what_remains_is_the_same_kind_of_data_set(data: Path, tmp_path: Path) -> None:
    hold_out(data, tmp_path, fold=0, folds=3)
    whole, left = (json.loads((f / "dataset.json").read_text()) for f in (data, tmp_path))
    assert left["labels"] == whole["labels"]
    assert left["numTraining"] == len(left["training"]) == 4
