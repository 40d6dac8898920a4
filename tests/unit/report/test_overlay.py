import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from unet.data.volume import Volume
from unet.evaluation.agreement_colours import AMBER, BLUE, PURPLE, RED
from unet.report.overlay import draw_overlay


def draw(path, axcodes, **more):
    """A bright box whose right end was missed and beyond whose left end one was invented."""
    image = np.full((40, 30, 20), 0.5, np.float32)
    truth, prediction = np.zeros(image.shape, np.uint8), np.zeros(image.shape, np.uint8)
    truth[14:30, 10:20, 6:14], prediction[8:24, 10:20, 6:14] = 1, 1
    image[(truth + prediction) > 0] = 1
    image[0] = 0
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axcodes)
    )
    turned = [nib.orientations.apply_orientation(a, turn) for a in (image, prediction, truth)]
    affine = nib.orientations.inv_ornt_aff(turn, image.shape)
    volume = Volume(array=turned[0][..., None], affine=affine, spacing=(1.0, 1.0, 1.0))
    draw_overlay(path, volume, *turned[1:], **more)


def picture(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "SAR", "PIL"])
def test_the_picture_is_one_whatever_the_files_axes(tmp_path, axcodes):
    draw(tmp_path / "a.png", "RAS", words=("case",))
    draw(tmp_path / "b.png", axcodes, words=("case",))
    first, second = (picture(tmp_path / name) for name in ("a.png", "b.png"))
    assert first.shape == second.shape
    # Only the slice numbers in the titles differ: they are the file's own.
    assert (first != second).any(axis=-1).mean() < 0.01


def test_right_is_on_the_left_and_the_colours_are_exact(tmp_path):
    draw(tmp_path / "a.png", "LPS", words=("case", "Dice 0.5"), several_labels=True)
    shown = picture(tmp_path / "a.png")
    axial = shown[: shown.shape[0] // 2, : shown.shape[1] // 3]
    places = {}
    for name, colour in (("red", RED), ("blue", BLUE), ("purple", PURPLE), ("amber", AMBER)):
        tint = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (shown == tint).all(axis=-1).any(), name  # the legend
        places[name] = np.argwhere((np.abs(axial - tint) <= 4).all(axis=-1))
    # Missed is the patient's right, invented the left: the red is to the right.
    assert places["blue"][:, 1].max() < places["purple"][:, 1].min()
    assert places["purple"][:, 1].max() < places["red"][:, 1].min()
