import csv
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from support.balls import SHAPE, make_about, make_data, some_weights

from unet.cli.main import main
from unet.data.msd import load_dataset
from unet.evaluation.evaluator import channels_for, target_for
from unet.evaluation.folder import Folder, parse_shard
from unet.evaluation.merge import merge
from unet.evaluation.metrics import dice
from unet.evaluation.postprocess import Learnt, Postprocess, model_digest, save_postprocess
from unet.evaluation.table_text import table_text
from unet.network.saved_model import load_model, save_model
from unet.system.errors import DataError, UsageError


def evaluate(data, model, output, *more):
    return main(
        [
            "evaluate",
            "--data_path",
            str(data),
            "--saved_model",
            str(model),
            "--output",
            str(output),
            "--backend",
            "tensorflow",
            *more,
        ]
    )


@pytest.fixture(scope="module")
def evaluated(data, model_file, tmp_path_factory):
    """One whole evaluation of the validation cases, with a copy of the model of its own."""
    run = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(model_file.parent, run / "model")
    assert evaluate(data, run, run / "evaluation-1") == 0
    return run / "evaluation-1"


@pytest.fixture(scope="module")
def results(evaluated):
    return json.loads((evaluated / "results.json").read_text())


class TestOneEvaluation:
    def test_scores_exactly_the_cases_of_the_split(self, results):
        assert [case["case"] for case in results["cases"]] == ["case_0", "case_1", "case_2"]
        assert results["summary"]["missing"] == []

    def test_predictions_lie_on_the_cases_own_grid(self, evaluated, data):
        for kind in ("img", "msk", "pred"):
            saved = nib.load(evaluated / "predictions_directory" / f"case_1_{kind}.nii.gz")
            source = nib.load(data / "imagesTr/case_1.nii.gz")
            assert saved.shape == SHAPE
            np.testing.assert_array_equal(saved.affine, source.affine)
            for field in ("qform_code", "sform_code", "xyzt_units", "pixdim"):
                np.testing.assert_array_equal(saved.header[field], source.header[field])

    def test_the_saved_mask_is_the_label_and_the_image_is_the_image(self, evaluated, data):
        folder = evaluated / "predictions_directory"
        for kind, source in (("msk", "labelsTr"), ("img", "imagesTr")):
            saved = np.asarray(nib.load(folder / f"case_2_{kind}.nii.gz").dataobj)
            wanted = np.asarray(nib.load(data / source / "case_2.nii.gz").dataobj)
            np.testing.assert_array_equal(saved, wanted)

    def test_the_reported_dice_is_that_of_the_saved_volumes(self, evaluated, results):
        for case in results["cases"]:
            masks = [
                np.asarray(nib.load(evaluated / "predictions_directory" / name).dataobj)
                for name in (f"{case['case']}_pred.nii.gz", f"{case['case']}_msk.nii.gz")
            ]
            assert set(np.unique(masks[0])) <= {0, 1}
            assert case["regions"][0]["dice"] == pytest.approx(dice(*(m > 0 for m in masks)))

    def test_spacing_is_in_the_files_axes_and_distances_in_mm(self, results):
        assert results["cases"][0]["spacing"] == pytest.approx([1.0, 2.0, 1.5])
        assert results["summary"]["distance_unit"] == "mm"

    def test_the_csv_has_a_row_per_case_and_region(self, evaluated, results):
        with (evaluated / "results.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert [row["case"] for row in rows] == ["case_0", "case_1", "case_2"]
        assert float(rows[0]["dice"]) == pytest.approx(
            results["cases"][0]["regions"][0]["dice"], rel=1e-5
        )
        assert {row["use"] for row in rows} == {"validation"}

    def test_a_picture_and_nothing_temporary_is_left(self, evaluated):
        assert (evaluated / "overlays/case_0.png").read_bytes().startswith(b"\x89PNG")
        assert not list(evaluated.rglob(".*"))


def test_prints_a_line_per_case_a_table_and_the_mean_last(data, model_file, tmp_path, capfd):
    assert evaluate(data, model_file, tmp_path, "--cases", "case_0,case_1") == 0
    lines = capfd.readouterr().out.strip().splitlines()
    dices = [
        float(line.split("= ")[1]) for line in lines if line.startswith("case_") and "=" in line
    ]
    assert len(dices) == 2
    assert any(line.startswith("stage=evaluate done=2/2 mean_dice=") for line in lines)
    assert any(line.split()[:1] == ["mean"] for line in lines)
    assert lines[-1].startswith(f"mean Dice = {np.mean(dices):.4f}"[:15])
    assert "2 cases" in lines[-1]


def test_json_alone_goes_to_stdout(data, model_file, tmp_path, capfd):
    assert evaluate(data, model_file, tmp_path, "--cases", "case_0", "--json") == 0
    assert json.loads(capfd.readouterr().out)["cases"][0]["case"] == "case_0"


class TestShards:
    def test_in_any_order_and_again_give_the_whole(self, data, model_file, tmp_path, results):
        for shard in ("2/3", "0/3", "2/3", "1/3"):
            assert evaluate(data, model_file, tmp_path, "--shard", shard) == 0
        assert not (tmp_path / "report.html").exists()
        assert main(["report", "--output", str(tmp_path)]) == 0
        merged = json.loads((tmp_path / "results.json").read_text())
        assert merged["summary"]["mean_dice"] == results["summary"]["mean_dice"]

    def test_a_repeated_shard_keeps_what_is_there(self, data, model_file, tmp_path):
        evaluate(data, model_file, tmp_path, "--shard", "0/3")
        file = tmp_path / "cases/case_0.json"
        before = file.stat().st_mtime_ns
        evaluate(data, model_file, tmp_path, "--shard", "0/3")
        assert file.stat().st_mtime_ns == before

    def test_a_shard_repeated_after_the_report_keeps_the_rules_it_was_begun_with(
        self, data, model_file, tmp_path
    ):
        shutil.copytree(model_file.parent, tmp_path / "model")
        out, model = tmp_path / "out", tmp_path / "model" / model_file.name
        evaluate(data, model, out)
        rules = Postprocess(rules={"lesion": "largest component"})
        learnt = Learnt(model_sha256=model_digest(model), postprocess=rules, cases=("case_0",))
        save_postprocess(model, learnt)  # as a report does
        assert evaluate(data, model, out, "--shard", "1/3") == 0
        assert evaluate(data, model, tmp_path / "anew", "--cases", "case_0") == 0
        assert main(["report", "--output", str(out)]) == 0
        begun, anew = (
            json.loads((folder / "evaluation.json").read_text())["postprocess"]["rules"]
            for folder in (out, tmp_path / "anew")
        )
        assert (begun, anew) == ({}, rules.rules)
        said = table_text(merge(Folder(tmp_path / "anew")))
        assert "Post-processing (lesion: largest component) was chosen on these cases" in said
        assert "was chosen" not in table_text(merge(Folder(out)))

    def test_a_picture_left_out_is_drawn_when_it_is_asked_for(self, data, model_file, tmp_path):
        evaluate(data, model_file, tmp_path, "--shard", "0/3", "--no-overlays")
        assert not (tmp_path / "overlays/case_0.png").exists()
        evaluate(data, model_file, tmp_path, "--shard", "0/3")
        assert (tmp_path / "overlays/case_0.png").exists()

    def test_a_half_written_case_is_done_again(self, data, model_file, tmp_path):
        evaluate(data, model_file, tmp_path, "--shard", "0/3")
        (tmp_path / "cases/case_0.json").write_text('{"case": "case')
        evaluate(data, model_file, tmp_path, "--shard", "0/3")
        assert json.loads((tmp_path / "cases/case_0.json").read_text())["case"] == "case_0"

    def test_a_report_that_lacks_cases_says_so_and_fails(
        self, data, model_file, tmp_path, capfd, monkeypatch
    ):
        monkeypatch.setenv("UNET_TERMINATION_LOG", str(tmp_path / "message"))
        evaluate(data, model_file, tmp_path, "--shard", "0/3")
        assert main(["report", "--output", str(tmp_path)]) == 10
        out, err = capfd.readouterr()
        assert "Incomplete: 2 of 3" in out
        assert "2 of 3 cases have no result, case_1" in err
        assert "Incomplete" in (tmp_path / "report.html").read_text()
        assert json.loads((tmp_path / "message").read_text())["code"] == 10

    def test_scores_of_another_model_are_not_mixed_in(self, data, model_file, tmp_path):
        evaluate(data, model_file, tmp_path / "out", "--cases", "case_0")
        about = make_about()
        other = [w * 0.5 for w in some_weights(about.plan.network)]
        save_model(tmp_path / "other.hdf5", about, other)
        before = (tmp_path / "out/cases/case_0.json").read_text()
        evaluate(data, tmp_path / "other.hdf5", tmp_path / "out", "--cases", "case_0")
        assert (tmp_path / "out/cases/case_0.json").read_text() != before


def test_the_termination_message_is_the_contracts(evaluated, results, tmp_path, monkeypatch):
    monkeypatch.setenv("UNET_TERMINATION_LOG", str(tmp_path / "message"))
    assert main(["report", "--output", str(evaluated)]) == 0
    text = (tmp_path / "message").read_text()
    message = json.loads(text)
    assert len(text.encode()) <= 4096
    mean = results["summary"]["mean_dice"]
    assert message == {
        "kind": "report",
        "code": 0,
        "cases": 3,
        "meanDice": round(mean["mean"], 4),
        "meanDiceInterval": None,  # of three cases
        "dicePerRegion": {"lesion": round(mean["mean"], 4)},
        "hd95": round(results["summary"]["regions"][0]["hd95"]["mean"], 4),
        "hd95Unit": "mm",
        "report": "report.html",
    }


def test_a_damaged_case_fails_after_the_others_are_done(model_file, tmp_path, capfd):
    data = make_data(tmp_path / "data")
    (data / "imagesTr/case_0.nii.gz").write_bytes(b"\x1f\x8bnonsense")
    assert evaluate(data, model_file, tmp_path / "out") == 10
    assert "case_0.nii.gz" in capfd.readouterr().err
    assert (tmp_path / "out/cases/case_2.json").exists()
    assert not (tmp_path / "out/cases/case_0.json").exists()


def test_unknown_spacing_is_reported_in_voxels(model_file, tmp_path, capfd):
    data = make_data(tmp_path / "data", unit="unknown", affine=np.eye(4))
    assert evaluate(data, model_file, tmp_path / "out") == 0
    assert "distances and volumes are in voxels" in capfd.readouterr().out
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["summary"]["distance_unit"] == "voxels"
    assert results["cases"][0]["regions"][0]["volume_truth"] == 257


def test_cases_trained_on_are_told_apart(data, model_file, tmp_path, capfd):
    assert evaluate(data, model_file, tmp_path, "--cases", "all", "--no-overlays") == 0
    out = capfd.readouterr().out
    assert "trained on 1 of these cases; mean Dice of the others" in out
    summary = json.loads((tmp_path / "results.json").read_text())["summary"]
    assert summary["mean_dice_held_out"]["count"] == 3
    assert not list((tmp_path / "overlays").iterdir())


class TestAnotherDataSet:
    def test_of_the_same_task_is_scored(self, model_file, tmp_path):
        data = make_data(tmp_path / "data", modality="flair", affine=np.diag([1, 1, 2, 1.0]))
        assert evaluate(data, model_file, tmp_path / "out", "--cases", "all") == 0

    def test_of_other_channels_or_labels_is_refused(self, model_file, tmp_path):
        saved = load_model(model_file)
        other = load_dataset(make_data(tmp_path / "channels", modality="T1w"))
        with pytest.raises(DataError, match="the model was trained on Balls"):
            channels_for(saved, other)
        other = load_dataset(make_data(tmp_path / "labels", label="stone"))
        with pytest.raises(DataError, match="the model was trained on Balls"):
            target_for(saved, other)


@pytest.mark.parametrize("share", ["1", "-0.1", "nan", "half"])
def test_impossible_overlaps_are_a_usage_error(data, model_file, tmp_path, capfd, share):
    assert evaluate(data, model_file, tmp_path, f"--overlap={share}") == 2
    assert "no share from 0 to below 1" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["", "1", "3/3", "-1/3", "a/b", "0/0"])
def test_impossible_shards_are_refused(text):
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)
    assert parse_shard("2/3") == (2, 3)
