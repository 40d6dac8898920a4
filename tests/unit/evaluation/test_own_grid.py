"""Predictions lie on each case's own grid, whatever its file is like."""

import json

import nibabel as nib
import numpy as np
import pytest
from support.balls import SHAPE, ball, make_about, some_weights

from unet.cli.main import main
from unet.evaluation.metrics import dice
from unet.network.saved_model import save_model

PLAIN = np.diag([1.0, 1.5, 2.0, 1.0])


def oblique():
    """Turned by 25 degrees about one axis and 10 about another."""
    a, b = np.deg2rad((25, 10))
    first = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    second = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = PLAIN.copy()
    affine[:3, :3] = first @ second @ PLAIN[:3, :3]
    affine[:3, 3] = (-31.5, 12.25, 7)
    return affine


def flipped():
    """Third axis first, the others backwards."""
    affine = np.zeros((4, 4))
    affine[0, 1], affine[1, 2], affine[2, 0], affine[3, 3] = -1.5, -2.0, 1.0, 1
    affine[:3, 3] = (40, 30, -20)
    return affine


def scaled(image):
    image.header.set_slope_inter(0.25, -100)
    return image


def only_qform(image):
    image.set_sform(None, 0)
    image.set_qform(image.affine, 1)
    return image


def no_form(image):
    image.header["pixdim"][1:4] = (1, 1.5, 2)
    image.header["qform_code"] = image.header["sform_code"] = 0
    return nib.Nifti1Image(image.dataobj, None, image.header)


def extended(image):
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"protocol " * 4000))
    image.header["descrip"] = b"made by hand"
    return image


def big_endian(image):
    return nib.Nifti1Image(image.dataobj, image.affine, image.header.as_byteswapped(">"))


def second_version(image):
    return nib.Nifti2Image(image.dataobj, image.affine, nib.Nifti2Header.from_header(image.header))


KINDS = {
    "plain": (PLAIN, np.int16, None),
    "oblique": (oblique(), np.float32, None),
    "flipped": (flipped(), np.uint8, None),
    "thick": (np.diag([0.5, 0.5, 6.0, 1.0]), np.float64, None),
    "scaled": (PLAIN, np.int16, scaled),
    "qform": (oblique(), np.int16, only_qform),
    "formless": (PLAIN, np.int16, no_form),
    "extended": (PLAIN, np.int16, extended),
    "endian": (flipped(), np.int16, big_endian),
    "nifti2": (oblique(), np.int32, second_version),
}
"""Name → affine, stored type, what else is done to the image."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A case of each kind, two channels in one 4D file, the second one FLAIR."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind in ("imagesTr", "labelsTr"):
        (folder / kind).mkdir()
    rng = np.random.default_rng(0)
    for name, (affine, dtype, change) in KINDS.items():
        lesion = ball((9, 9, 8), 5)
        channels = rng.normal(100, 5, (*SHAPE, 2)) + 60 * lesion[..., None]
        image = nib.Nifti1Image(channels.astype(dtype), affine)
        image.header.set_xyzt_units("mm")
        image = change(image) if change else image
        nib.save(image, folder / f"imagesTr/{name}.nii.gz")
        place = nib.load(folder / f"imagesTr/{name}.nii.gz").affine
        label = nib.Nifti1Image(lesion.astype(np.uint8), place)
        nib.save(label, folder / f"labelsTr/{name}.nii.gz")
    pairs = [{"image": f"imagesTr/{n}.nii.gz", "label": f"labelsTr/{n}.nii.gz"} for n in KINDS]
    content = {
        "name": "Kinds",
        "modality": {"0": "T1w", "1": "FLAIR"},
        "labels": {"0": "background", "1": "lesion"},
        "training": pairs,
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network on a grid that no case has, so that every prediction is resampled back."""
    about = make_about()
    recipe = about.plan.recipe.model_copy(update={"spacing": (1.3, 1.3, 1.3), "channels": (1,)})
    plan = about.plan.model_copy(update={"recipe": recipe})
    path = tmp_path_factory.mktemp("model") / "m.hdf5"
    save_model(path, about.model_copy(update={"plan": plan}), some_weights(plan.network))
    return path


@pytest.fixture(scope="module")
def output(data, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("output")
    command = [
        "evaluate",
        "--data_path",
        str(data),
        "--saved_model",
        str(model),
        "--output",
        str(folder),
        "--cases",
        "all",
        "--backend",
        "tensorflow",
    ]
    assert main(command) == 0
    return folder


def same_place(saved, source):
    assert saved.shape[:3] == source.shape[:3]
    assert type(saved) is type(source)
    np.testing.assert_array_equal(saved.affine, source.affine)
    for field in (
        "qform_code",
        "sform_code",
        "xyzt_units",
        "quatern_b",
        "quatern_c",
        "quatern_d",
        "qoffset_x",
        "srow_x",
        "srow_y",
        "srow_z",
        "descrip",
    ):
        np.testing.assert_array_equal(saved.header[field], source.header[field], field)
    np.testing.assert_array_equal(saved.header["pixdim"][:4], source.header["pixdim"][:4])
    assert saved.header.endianness == source.header.endianness
    contents = [[e.get_content() for e in image.header.extensions] for image in (saved, source)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKindOfFile:
    def test_all_three_volumes_have_the_cases_own_geometry(self, output, data, kind):
        source = nib.load(data / f"imagesTr/{kind}.nii.gz")
        for part in ("img", "msk", "pred"):
            same_place(nib.load(output / f"predictions_directory/{kind}_{part}.nii.gz"), source)

    def test_masks_are_zero_and_one_and_the_image_is_the_models_channel(self, output, data, kind):
        folder = output / "predictions_directory"
        for part in ("msk", "pred"):
            mask = nib.load(folder / f"{kind}_{part}.nii.gz")
            assert mask.get_data_dtype() == np.uint8
            assert set(np.unique(mask.dataobj)) <= {0, 1}
        saved = nib.load(folder / f"{kind}_img.nii.gz")
        source = nib.load(data / f"imagesTr/{kind}.nii.gz")
        np.testing.assert_allclose(saved.get_fdata(), source.get_fdata()[..., 1], rtol=1e-6)

    def test_the_dice_of_the_files_is_the_dice_reported(self, output, kind):
        folder = output / "predictions_directory"
        found, truth = (
            nib.load(folder / f"{kind}_{part}.nii.gz").get_fdata() > 0 for part in ("pred", "msk")
        )
        assert found.any()
        assert not found.all()
        reported = json.loads((output / f"cases/{kind}.json").read_text())["regions"][0]
        assert reported["dice"] == pytest.approx(dice(found, truth), abs=1e-12)


def test_predict_writes_the_very_files_that_evaluate_writes(output, data, model, tmp_path):
    command = [
        "predict",
        str(data / "imagesTr"),
        "--saved_model",
        str(model),
        "--output",
        str(tmp_path),
        "--backend",
        "tensorflow",
    ]
    assert main(command) == 0
    for kind in KINDS:
        name = f"{kind}_pred.nii.gz"
        evaluated = output / "predictions_directory" / name
        assert (tmp_path / name).read_bytes() == evaluated.read_bytes()
