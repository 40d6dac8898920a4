import nibabel as nib
import numpy as np
import pytest
from support.balls import AFFINE

from unet.cli.main import main


def test_predicts_images_without_label(data, model_file, tmp_path, capfd):
    command = [
        "predict",
        str(data / "imagesTr"),
        "--saved_model",
        str(model_file),
        "--output",
        str(tmp_path),
        "--backend",
        "tensorflow",
        "--save_probabilities",
    ]
    assert main(command) == 0
    saved = nib.load(tmp_path / "case_3_pred.nii.gz")
    probability = nib.load(tmp_path / "case_3_prob.nii.gz")
    np.testing.assert_array_equal(saved.affine, AFFINE)
    np.testing.assert_array_equal(
        np.asarray(saved.dataobj) > 0, np.asarray(probability.dataobj)[..., 0] > 0.5
    )
    assert len(list(tmp_path.glob("*_pred.nii.gz"))) == 4


@pytest.mark.parametrize(
    ("argument", "found"), [("missing.nii.gz", "no such file"), ("empty", "holds no .nii")]
)
def test_predict_names_a_path_without_image(model_file, tmp_path, capfd, argument, found):
    (tmp_path / "empty").mkdir()
    command = [
        "predict",
        str(tmp_path / argument),
        "--saved_model",
        str(model_file),
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(command) == 10
    assert found in capfd.readouterr().err


def words(model_file, output, *images):
    given = ["predict", *map(str, images), "--saved_model", str(model_file)]
    return [*given, "--output", str(output), "--backend", "tensorflow"]


BAD = {
    "empty": b"",
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "text": b"<html>404</html>" * 40,
    "gzip": b"\x1f\x8b" + bytes(50),
}


def test_a_folder_is_predicted_past_its_bad_files(data, model_file, tmp_path, capfd):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, content in BAD.items():
        (folder / f"{name}.nii.gz").write_bytes(content)
    (folder / "broken.nii.gz").symlink_to("nowhere")
    (folder / "z.nii.gz").write_bytes((data / "imagesTr" / "case_0.nii.gz").read_bytes())
    assert main(words(model_file, tmp_path / "out", folder)) == 10
    said = capfd.readouterr()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["z_pred.nii.gz"]
    (line,) = (line for line in said.err.splitlines() if line.startswith("error: "))
    assert "Traceback" not in said.err
    for name in (*BAD, "broken"):
        assert f"{name}.nii.gz" in line


def test_other_channels_than_the_models_are_refused_unless_they_are_named(
    data, model_file, tmp_path, capfd
):
    stored = nib.load(data / "imagesTr" / "case_0.nii.gz")
    pair = np.stack([np.zeros(stored.shape), np.asarray(stored.dataobj)], -1).astype(np.int16)
    folder = tmp_path / "task" / "imagesTs"
    folder.mkdir(parents=True)
    nib.save(nib.Nifti1Image(pair, stored.affine, stored.header), folder / "a.nii.gz")
    assert main(words(model_file, tmp_path / "out", folder / "a.nii.gz")) == 10
    assert "2 channels, but the model takes 1; give images with" in capfd.readouterr().err
    listed = folder.parent / "dataset.json"
    listed.write_text('{"modality": {"0": "T1", "1": "FLAIR"}}')
    assert main(words(model_file, tmp_path / "out", folder)) == 0
    alone = words(model_file, tmp_path / "alone", data / "imagesTr" / "case_0.nii.gz")
    assert main(alone) == 0
    both = [nib.load(tmp_path / name).get_fdata() for name in ("out/a_pred.nii.gz",)]
    both.append(nib.load(tmp_path / "alone" / "case_0_pred.nii.gz").get_fdata())
    np.testing.assert_array_equal(*both)
    listed.write_text('{"modality": {"0": "T1", "1": "T2"}}')
    assert main(words(model_file, tmp_path / "out", folder)) == 10
    assert "names T1, T2, not FLAIR" in capfd.readouterr().err


def test_a_file_for_each_channel_is_one_image(data, model_file, tmp_path, capfd):
    content = (data / "imagesTr" / "case_0.nii.gz").read_bytes()
    (tmp_path / "ts").mkdir()
    (tmp_path / "ts" / "a_0000.nii.gz").write_bytes(content)
    (tmp_path / "brats" / "p1").mkdir(parents=True)
    (tmp_path / "brats" / "p1" / "flair.nii.gz").write_bytes(content)
    assert main(words(model_file, tmp_path / "out", tmp_path / "ts", tmp_path / "brats")) == 0
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"a_pred.nii.gz", "p1_pred.nii.gz"}
