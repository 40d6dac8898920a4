"""On the real cases beside the checkout; a few of each, so that the suite stays fast."""

import nibabel as nib
import numpy as np
import pytest

from unet.data import geometry
from unet.data.cache import Cache
from unet.data.channels import pick_channels
from unet.data.msd import load_dataset
from unet.data.preflight import run_preflight
from unet.data.preparation import prepare_image, prepare_label, restore
from unet.data.recipe import Recipe
from unet.data.regions import make_target
from unet.data.volume import read_image, read_label

pytestmark = pytest.mark.real_data


def some(dataset, count):
    return [case.id for case in dataset.cases[:: max(1, len(dataset.cases) // count)]][:count]


@pytest.mark.parametrize(
    ("task", "count", "regions"),
    [
        ("Task04_Hippocampus", 12, ("anterior", "posterior")),
        ("LGG_FLAIR", 3, ("abnormality",)),
        ("Task01_BrainTumour", 3, ("whole-tumour",)),
        ("Task01_BrainTumour_4d", 1, ("whole-tumour",)),
    ],
)
def test_truth_returns_exactly_to_the_cases_own_grid(real_data, tmp_path, task, count, regions):
    dataset = load_dataset(real_data(task))
    channels = pick_channels(dataset, None)
    target = make_target(dataset)
    assert target.names == regions
    cases = some(dataset, count)
    assert run_preflight(dataset, cases, channels=channels).quarantined == ()
    cache = Cache(tmp_path, dataset, Recipe(channels=channels))
    cache.prepare(cases)
    for case_id in cases:
        case, prepared = dataset.case(case_id), cache.open(case_id)
        encoded = target.encode(np.asarray(prepared.label)).astype(np.float32)
        found = target.decode(restore(encoded, prepared.record))
        image = read_image(case.image, len(dataset.channels), channels)
        truth = target.region_masks(read_label(case.label, image, tuple(dataset.labels)))
        assert np.array_equal(found, truth)
        assert np.abs(prepared.image).max() < 20


def test_a_z_scored_brain_is_cropped_like_any_other(real_data, tmp_path):
    dataset = load_dataset(real_data("Task01_BrainTumour"))
    cache = Cache(tmp_path, dataset, Recipe())
    shifted = cache.open("brats_2013_pat0004_1")
    assert all(size < 200 for size in shifted.record.shape)
    assert shifted.record.spacing is None
    plain = cache.open("Brats18_2013_11_1")
    assert plain.record.spacing == (1.0, 1.0, 1.0)
    for case in (plain, shifted):
        outside = np.asarray(case.image)[0, 0, 0, 0]
        assert outside == 0
        body = np.asarray(case.image, np.float64)
        assert abs(body[body != 0].std() - 1) < 0.02


def test_saturated_voxels_are_clipped(real_data, tmp_path):
    dataset = load_dataset(real_data("Task01_BrainTumour"))
    case = dataset.case("Brats18_TCIA10_637_1")
    assert read_image(case.image, 1).array.max() == 32767
    prepared = Cache(tmp_path, dataset, Recipe()).open(case.id)
    assert prepared.record.normalisation[0].high < 25000
    assert 2 < prepared.image.max() < 6


def test_a_part_of_the_brain_is_kept_whole(real_data):
    dataset = load_dataset(real_data("Task04_Hippocampus"))
    for case_id in some(dataset, 20):
        image = read_image(dataset.case(case_id).image, 1)
        _, record = prepare_image(image.array, image.affine, image.spacing, Recipe())
        assert record.shape == geometry.in_ras_order(record.source_shape, record.orientation)


def test_heads_with_skull_lose_air_but_no_label_and_have_no_millimetres(real_data):
    dataset = load_dataset(real_data("LGG_FLAIR"))
    kept = []
    for case in dataset.cases[::11]:
        image = read_image(case.image, 1)
        assert image.spacing is None
        _, record = prepare_image(image.array, image.affine, image.spacing, Recipe())
        label = read_label(case.label, image, (1,))
        assert prepare_label(label, record).sum() == label.sum()
        kept.append(np.prod(record.shape) / label.size)
    assert 0.4 < np.mean(kept) < 0.8


def test_prostate_labels_with_oblique_affines_return(real_data):
    dataset = load_dataset(real_data("Task05_Prostate_labels_only"))
    assert (dataset.channels, dataset.labels) == (("T2", "ADC"), {1: "PZ", 2: "TZ"})
    assert len(dataset.cases) == 32
    oblique = 0
    for case in dataset.cases[:12]:
        stored = nib.load(case.label)
        affine = stored.affine
        orientation = geometry.orientation_of(affine)
        off_axis = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        oblique += int((np.abs(off_axis).max(axis=0) < 0.999).any())
        spacing = geometry.spacing_of(affine, "mm", orientation)
        assert spacing[2] > 2
        label = np.asarray(stored.dataobj).astype(np.uint8)
        image = np.random.default_rng(0).normal(size=label.shape).astype(np.float32)
        _, record = prepare_image(image, affine, spacing, Recipe())
        back = restore(prepare_label(label, record)[..., None].astype(np.float32), record)
        assert np.array_equal(back[..., 0], label)
    assert oblique > 0
