"""What is decoded row by row is what the whole volume's probabilities say."""

import numpy as np
import pytest
from support.balls import AFFINE, SHAPE, make_about, some_weights

from unet.data.resampling import resample, resample_labels
from unet.data.volume import Volume
from unet.evaluation import predict_images
from unet.inference.predictor import Predictor
from unet.inference.settings import PredictSettings
from unet.network.saved_model import load_model, save_model
from unet.system.errors import MemoryShortError


@pytest.fixture(params=[False, True], ids=["regions", "labels"])
def model(request, tmp_path):
    about = make_about(outputs=3 if request.param else 2, exclusive=request.param)
    recipe = about.plan.recipe.model_copy(update={"spacing": (1.2, 1.1, 1.7)})
    plan = about.plan.model_copy(update={"recipe": recipe})
    about = about.model_copy(update={"plan": plan})
    save_model(tmp_path / "m.hdf5", about, some_weights(about.plan.network))
    return load_model(tmp_path / "m.hdf5")


@pytest.mark.parametrize("shape", [SHAPE, (30, 18, 16), (9, 33, 20)])
def test_rows_give_bit_by_bit_what_the_whole_gives(model, shape):
    array = np.random.default_rng(0).normal(100, 20, (*shape, 1)).astype(np.float32)
    array[:5], array[:, :3] = 0, 0
    volume = Volume(array=array, affine=AFFINE, spacing=(1.0, 1.5, 2.0))
    predictor = Predictor(model, backend="tensorflow")
    whole = model.target.decode(predictor.probabilities(volume))
    prepared = predictor.prepare(volume)
    assert np.array_equal(predictor.masks(prepared), whole)
    label_map, voxels = predictor.label_map(prepared)
    assert np.array_equal(label_map, model.target.label_map(whole))
    assert list(voxels.values()) == whole.sum(axis=(0, 1, 2)).tolist()


@pytest.mark.parametrize("shape", [(7, 9, 5), (3, 20, 11), (1, 1, 1), (14, 18, 10)])
def test_resampling_by_rows_is_scipys(shape):
    from scipy import ndimage

    volume = np.random.default_rng(0).normal(size=(7, 9, 10)).astype(np.float32)
    zoom = [new / old for new, old in zip(shape, volume.shape, strict=True)]
    expected = ndimage.zoom(volume, zoom, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(resample(volume, shape), expected, atol=1e-5)
    label = (volume > 0.5).astype(np.uint8) * 7
    share = ndimage.zoom(
        (label > 0).astype(np.float32), zoom, order=1, mode="nearest", grid_mode=True
    )
    clear = np.abs(share - 0.5) > 1e-4
    assert np.array_equal(resample_labels(label, shape)[clear], (share > 0.5)[clear] * np.uint8(7))


def test_memory_that_one_image_uses_up_names_that_image(model, tmp_path, monkeypatch):
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.float32), AFFINE), tmp_path / "a.nii.gz")

    def exhausted(*_):
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(Predictor, "prepare", exhausted)
    settings = PredictSettings(
        saved_model=model.path, images=(tmp_path / "a.nii.gz",), output=tmp_path / "out"
    )
    with pytest.raises(MemoryShortError, match=r"a\.nii\.gz: memory ran out .*9 GiB"):
        predict_images.predict_images(settings)
