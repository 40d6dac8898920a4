import numpy as np
import pytest

from unet.data.cache import Cache
from unet.data.msd import load_dataset
from unet.data.preflight import merge, run_preflight
from unet.data.recipe import Recipe
from unet.system.errors import DataError

ODD = {
    "a slipped unit": ({"affine": np.diag([0.001, 0.001, 0.001, 1])}, "spacing 0.001 x 0.001"),
    "a larger case": (
        {"image": np.random.default_rng(0).normal(100, 20, (80, 10, 8)).astype(np.float32)},
        "shape 80 x 10 x 8",
    ),
    "intensities": (
        {"image": np.random.default_rng(0).normal(1e6, 2e5, (12, 10, 8)).astype(np.float32)},
        "intensities from",
    ),
    "orientation": ({"affine": np.diag([-1.0, 1, 1, 1])}, "axes run LAS, those of 5 others RAS"),
}


@pytest.mark.parametrize(("given", "found"), ODD.values(), ids=ODD)
def test_a_case_far_from_the_others_is_named(maker, given, found):
    for index in range(5):
        maker.case(f"c{index}", image=maker.image(seed=index))
    plain = run_preflight(load_dataset(maker.root), channels=(0,))
    assert plain.notices == ()
    maker.case("odd", **given)
    dataset = load_dataset(maker.root)
    (notice,) = run_preflight(dataset, channels=(0,)).notices
    assert (notice.case, notice.file) == ("odd", str(dataset.case("odd").image))
    assert found in notice.found
    shares = [run_preflight(dataset, channels=(0,), rank=rank, size=4) for rank in range(4)]
    assert merge(shares, dataset).notices == (notice,)


def test_a_case_whose_labels_a_slipped_unit_would_lose_is_refused(maker, tmp_path):
    maker.case("a", affine=np.diag([0.001, 0.001, 0.001, 1]))
    label = np.zeros((12, 10, 8), np.uint8)
    label[0, 0, 0] = 1
    maker.nifti("labelsTr/a.nii.gz", label, np.diag([0.001, 0.001, 0.001, 1]))
    cache = Cache(tmp_path / "c", load_dataset(maker.root), Recipe(spacing=(1.0, 1.0, 1.0)))
    with pytest.raises(DataError, match=r"a\.nii\.gz: all 1 labelled voxels are lost") as caught:
        cache.open("a")
    assert "unit" in str(caught.value)
