"""Data sets of nnU-Net and BraTS, and what a dataset.json may say otherwise."""

import json
import unicodedata

import numpy as np
import pytest

from unet.data.cache import Cache
from unet.data.channels import pick_channels
from unet.data.msd import load_dataset
from unet.data.preflight import run_preflight
from unet.data.recipe import Recipe
from unet.data.regions import make_target
from unet.data.volume import read_case
from unet.system.errors import DataError


def described(maker, **content):
    maker.content = {"training": maker.content["training"]} | content
    return load_dataset(maker.save())


def nnunet(maker, labels, channels=2):
    for name in ("a", "b"):
        for channel in range(channels):
            maker.nifti(f"imagesTr/{name}_{channel:04}.nii.gz", maker.image(seed=channel))
        maker.nifti(f"labelsTr/{name}.nii.gz", maker.label())
    names = {str(i): name for i, name in enumerate(("T1", "T1+")[:channels])}
    return described(
        maker, channel_names=names, labels=labels, numTraining=2, file_ending=".nii.gz"
    )


def test_nnunets_numbered_files_are_the_channels_of_a_case(maker, tmp_path):
    dataset = nnunet(maker, {"background": 0, "organ": 1, "lesion": 2})
    assert [case.id for case in dataset.cases] == ["a", "b"]
    assert dataset.labels == {1: "organ", 2: "lesion"}
    assert pick_channels(dataset, ["t1+"]) == (1,)
    assert run_preflight(dataset, channels=(0, 1)).quarantined == ()
    image, _ = read_case(dataset, dataset.cases[0])
    assert np.array_equal(image.array[..., 1], maker.image(seed=1))
    cache = Cache(tmp_path / "cache", dataset, Recipe(channels=(1, 0)))
    before = cache._key(dataset.cases[0])
    assert cache.open("a").image.shape[3] == 2
    maker.nifti("imagesTr/a_0001.nii.gz", maker.image(seed=7))
    assert cache._key(dataset.cases[0]) != before


def test_a_single_numbered_channel_belongs_to_its_case(maker):
    dataset = nnunet(maker, {"background": 0, "organ": 1, "lesion": 2}, channels=1)
    assert [case.id for case in dataset.cases] == ["a", "b"]
    assert all(case.label for case in dataset.cases)


def test_nnunets_regions_are_learnt_as_regions(maker):
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    dataset = nnunet(maker, labels)
    target = make_target(dataset)
    assert {r.name: r.labels for r in target.regions} == {"whole": (1, 2), "core": (2,)}
    assert not target.exclusive
    label = maker.label()
    label[0, 0, 0] = 3
    maker.nifti("labelsTr/a.nii.gz", label)
    result = run_preflight(dataset, channels=(0, 1))
    assert result.quarantined == ()
    assert "label 3 (ignore): its voxels count as background" in [n.found for n in result.notices]
    assert read_case(dataset, dataset.cases[0])[1][0, 0, 0] == 0


def test_channels_of_different_places_are_a_bad_case(maker):
    dataset = nnunet(maker, {"background": 0, "organ": 1, "lesion": 2})
    maker.nifti("imagesTr/b_0001.nii.gz", maker.image((12, 10, 7)))
    (bad,) = run_preflight(dataset, channels=(0, 1)).quarantined
    assert bad.file.endswith("b_0001.nii.gz")
    assert "shape 12x10x7" in bad.reason


@pytest.mark.parametrize("prefix", ["", "{}_"])
def test_brats_folders_need_no_dataset_json(maker, prefix):
    label = maker.label()
    label[3, 3, 2] = 4
    for patient in ("BraTS20_001", "BraTS20_002"):
        for seed, name in enumerate(("flair", "t1", "t1ce", "t2")):
            path = f"{patient}/{prefix.format(patient)}{name}.nii.gz"
            maker.nifti(path, maker.image(seed=seed))
        maker.nifti(f"{patient}/{prefix.format(patient)}seg.nii.gz", label)
    dataset = load_dataset(maker.root)
    assert [case.id for case in dataset.cases] == ["BraTS20_001", "BraTS20_002"]
    assert make_target(dataset).names == ("whole-tumour",)
    assert pick_channels(dataset, None) == (0,)
    assert run_preflight(dataset, channels=(0, 1, 2, 3)).quarantined == ()


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_names_are_found_composed_or_not(maker, stored):
    other = {"NFC": "NFD", "NFD": "NFC"}[stored]
    name = "Müller_é"
    maker.case(unicodedata.normalize(stored, name))
    entry = maker.content["training"][0]
    entry["image"] = unicodedata.normalize(other, entry["image"])
    entry["label"] = unicodedata.normalize(other, entry["label"])
    assert run_preflight(load_dataset(maker.save()), channels=(0,)).quarantined == ()


def test_a_name_of_240_letters_is_prepared(maker, tmp_path):
    maker.case("x" * 240)
    dataset = load_dataset(maker.root)
    assert Cache(tmp_path / "c", dataset, Recipe()).open("x" * 240).label.any()


ODD = {
    "a validation section": (
        lambda c: c.update(validation=[{"image": "a"}]),
        "a validation section of 1 cases",
    ),
    "one label for all": (
        lambda c: c["training"][1].update(label=c["training"][0]["label"]),
        "several cases share one label file",
    ),
    "an absent class": (lambda c: c["labels"].update({"7": "cyst"}), "label 7 (cyst) is in no"),
}


@pytest.mark.parametrize(("change", "found"), ODD.values(), ids=ODD)
def test_what_is_odd_about_a_data_set_is_noted(maker, change, found):
    for name in "ab":
        maker.case(name)
    change(maker.content)
    result = run_preflight(load_dataset(maker.save()), channels=(0,))
    assert any(found in notice.found for notice in result.notices)


def test_a_key_given_twice_is_noted(maker):
    maker.case("a")
    text = json.dumps(maker.content).replace('"name": "Small"', '"name": "Old", "name": "Small"')
    (maker.root / "dataset.json").write_text(text)
    assert load_dataset(maker.root).notes == ("key 'name' is given twice: the last counts",)


BYTES = {
    "deep": b"[" * 200_000,
    "digits": b'{"labels": {"1": ' + b"1" * 5000 + b"}}",
    "half a character": b'{"name": "\\ud800"}',
    "no text": bytes(range(256)),
    "a zero byte in a path": b'{"modality": {"0": "a"}, "labels": {"1": "b"}, '
    b'"training": ["\\u0000"]}',
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_any_bytes_of_a_dataset_json_end_in_one_line(tmp_path, content):
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_path_too_long_for_a_file_is_a_bad_case(maker):
    maker.case("a")
    maker.content["training"].append({"image": "y" * 5000, "label": "y" * 5000})
    (bad,) = run_preflight(load_dataset(maker.save()), channels=(0,)).quarantined
    assert bad.reason == "File name too long"
