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
