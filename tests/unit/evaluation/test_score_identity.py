"""Scores that were kept although what they were made from has changed."""

import json
import os
import shutil

import nibabel as nib
import numpy as np
import pytest

from tests.unit.evaluation.test_evaluator import evaluate
from unet.cli.main import main


@pytest.fixture
def copy(data, tmp_path):
    return shutil.copytree(data, tmp_path / "data")


def again(copy, model_file, tmp_path, capfd, change):
    out = tmp_path / "out"
    assert evaluate(copy, model_file, out, "--cases", "case_0,case_1") == 0
    before = json.loads((out / "results.json").read_text())
    change()
    capfd.readouterr()
    assert evaluate(copy, model_file, out, "--cases", "case_0,case_1") == 0
    after = json.loads((out / "results.json").read_text())
    return before["cases"], after["cases"], capfd.readouterr().out


def test_a_label_that_changed_is_scored_again_and_said(copy, model_file, tmp_path, capfd):
    label = copy / "labelsTr/case_0.nii.gz"

    def empty():
        nifti = nib.load(label)
        array = np.zeros(nifti.shape, np.int16)
        nib.save(nib.Nifti1Image(array, nifti.affine, nifti.header), label)

    before, after, said = again(copy, model_file, tmp_path, capfd, empty)
    assert before[0]["regions"][0]["dice"] > 0
    assert after[0]["regions"][0]["dice"] == 0
    assert after[1] == before[1]
    assert "case_0: its label has changed since it was scored; it is scored again" in said
    assert "case_1: " not in said


def test_an_image_of_the_same_size_and_time_is_known_by_its_bytes(
    copy, model_file, tmp_path, capfd
):
    plain, times = copy / "imagesTr/case_1.nii", (1_600_000_000, 1_600_000_000)
    packed = copy / "imagesTr/case_1.nii.gz"
    nib.save(nib.load(packed), plain)
    packed.unlink()
    os.utime(plain, times)

    def change():
        content = bytearray(plain.read_bytes())
        content[400:4000] = bytes(3600)
        plain.write_bytes(content)
        os.utime(plain, times)

    before, after, said = again(copy, model_file, tmp_path, capfd, change)
    assert before[1]["images"][0]["size"] == after[1]["images"][0]["size"]
    assert before[1]["images"][0]["mtime_ns"] == after[1]["images"][0]["mtime_ns"]
    assert before[1]["images"][0]["sha256"] != after[1]["images"][0]["sha256"]
    assert "case_1: its image has changed since it was scored; it is scored again" in said


def test_files_that_were_only_copied_keep_their_scores(copy, model_file, tmp_path, capfd):
    def rewrite():
        for file in (*copy.glob("imagesTr/*"), *copy.glob("labelsTr/*")):
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content)

    before, after, said = again(copy, model_file, tmp_path, capfd, rewrite)
    assert after == before
    assert "scored again" not in said


def test_label_values_that_were_renumbered_are_other_settings(copy, model_file, tmp_path, capfd):
    def renumber():
        file = copy / "dataset.json"
        content = json.loads(file.read_text())
        content["labels"] = {"0": "background", "1": "other", "2": "lesion"}
        file.write_text(json.dumps(content))

    _, after, said = again(copy, model_file, tmp_path, capfd, renumber)
    assert [case["regions"][0]["volume_truth"] for case in after] == [0, 0]
    assert said.count("its scores are of another model or of other settings") == 2


def test_outdated_scores_of_a_case_that_cannot_be_read_are_not_reported(
    copy, model_file, tmp_path, capfd
):
    out = tmp_path / "out"
    assert evaluate(copy, model_file, out) == 0
    (copy / "labelsTr/case_0.nii.gz").write_bytes(b"")
    assert evaluate(copy, model_file, out) == 10
    assert main(["report", "--output", str(out)]) == 10
    results = json.loads((out / "results.json").read_text())
    assert [case["case"] for case in results["cases"]] == ["case_1", "case_2"]
    assert results["summary"]["missing"] == ["case_0"]
