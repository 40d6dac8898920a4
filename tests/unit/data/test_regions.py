import numpy as np
import pytest

from unet.data.dataset import Case, Dataset
from unet.data.regions import make_target
from unet.system.errors import UsageError

BRATS = {1: "edema", 2: "non-enhancing tumor", 3: "enhancing tumour"}


def dataset(labels):
    return Dataset(
        root="/d", name="D", channels=("MRI",), labels=labels, cases=(Case(id="a", image="/a"),)
    )


@pytest.fixture
def label():
    return np.random.default_rng(0).integers(0, 4, (5, 4, 3)).astype(np.uint8)


def test_brain_tumours_default_to_the_whole_tumour(label):
    target = make_target(dataset(BRATS))
    assert target.names == ("whole-tumour",)
    assert (target.outputs, target.activation) == (1, "sigmoid")
    assert np.array_equal(target.region_masks(label)[..., 0], label > 0)


def test_regions_follow_the_names_when_values_differ(label):
    swapped = {1: "non-enhancing tumor", 2: "edema", 3: "enhancing tumour"}
    target = make_target(dataset(swapped), region="tumour-core,whole-tumour,enhancing-tumour")
    masks = target.region_masks(label)
    assert np.array_equal(masks[..., 0], np.isin(label, (1, 3)))
    assert np.array_equal(masks[..., 2], label == 3)
    assert not target.exclusive


def test_one_label_is_a_region_and_several_exclude_each_other():
    one = make_target(dataset({1: "liver"}))
    assert (one.names, one.outputs, one.exclusive) == (("liver",), 1, False)
    two = make_target(dataset({1: "Anterior", 2: "Posterior"}))
    assert (two.names, two.outputs, two.activation) == (("anterior", "posterior"), 3, "softmax")


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"labels": (1, 2, 3)},
        {"labels": (3, 1)},
        {"labels": (2,)},
        {"region": "all"},
        {"region": "edema"},
        {"region": "whole tumor,Tumor_Core"},
    ],
)
def test_decoding_the_encoded_label_gives_the_masks(label, what):
    target = make_target(dataset(BRATS), **what)
    encoded = target.encode(label)
    assert encoded.shape == (*label.shape, target.outputs)
    assert encoded.dtype == np.uint8
    decoded = target.decode(encoded.astype(np.float32))
    assert np.array_equal(decoded, target.region_masks(label))


def test_exclusive_outputs_sum_to_one_and_zeros_decode_to_background(label):
    target = make_target(dataset(BRATS), labels=(1, 3))
    assert (target.encode(label).sum(-1) == 1).all()
    assert not target.decode(np.zeros((2, 2, 2, 3), np.float32)).any()


def test_label_maps_have_the_data_sets_values(label):
    exclusive = make_target(dataset(BRATS), labels=(3, 1))
    saved = exclusive.label_map(exclusive.region_masks(label))
    assert np.array_equal(saved, np.where(label == 2, 0, label))
    one = make_target(dataset(BRATS))
    assert np.array_equal(one.label_map(one.region_masks(label)), label > 0)


def test_nested_regions_give_back_the_labels(label):
    target = make_target(dataset(BRATS), region="enhancing-tumour,whole-tumour,tumour-core")
    assert np.array_equal(target.label_map(target.region_masks(label)), label)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"region": "whole-tumor-x"}, "did you mean whole-tumour"),
        ({"region": "nothing"}, "choose from all, edema"),
        ({"region": "all,all"}, "once"),
        ({"region": ""}, "once"),
        ({"labels": (1, 7)}, r"label 7 is not in D's dataset.json; choose from 1 \(edema\)"),
        ({"labels": (1, 1)}, "once"),
        ({"labels": ()}, "once"),
        ({"labels": (1,), "region": "all"}, "both given"),
    ],
)
def test_unknown_or_repeated_names_are_refused(kwargs, message):
    with pytest.raises(UsageError, match=message):
        make_target(dataset(BRATS), **kwargs)


def test_tumour_presets_need_brain_tumour_labels():
    with pytest.raises(UsageError, match="no region 'whole-tumour'"):
        make_target(dataset({1: "liver", 2: "cancer"}), region="whole-tumour")


def test_a_label_with_a_comma_in_its_name_is_found_by_that_name():
    data = dataset({1: "Kidney, left", 2: "kidney_right"})
    names = make_target(data).names
    assert names == ("kidney-left", "kidney-right")
    assert make_target(data, region=",".join(names)).names == names
