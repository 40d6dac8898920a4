import hashlib
import json

import numpy as np
import pytest
from support.commands import run_command

from unet.cli import preflight as command
from unet.data.case_measurement import read_all_facts
from unet.data.msd import load_dataset
from unet.data.preflight import merge, run_preflight, save_quarantine
from unet.system.errors import DataError, UsageError


@pytest.fixture
def spoilt(maker):
    """Five cases, two of them damaged."""
    for index in range(5):
        maker.case(f"c{index}", image=maker.image(seed=index))
    truncated = maker.root / "imagesTr/c1.nii.gz"
    truncated.write_bytes(truncated.read_bytes()[:-10])
    label = maker.label()
    label[0, 0, 0] = 7
    maker.nifti("labelsTr/c3.nii.gz", label)
    return load_dataset(maker.root)


def test_bad_cases_are_listed_with_file_reason_remedy_and_checksum(spoilt):
    result = run_preflight(spoilt, channels=(0,))
    assert result.checked == 5
    assert result.bad_cases == {"c1", "c3"}
    first, second = result.quarantined
    image = spoilt.case("c1").image
    assert (first.file, first.reason) == (str(image), "truncated gzip")
    assert first.sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    assert second.file == str(spoilt.case("c3").label)
    assert second.reason == "label value 7 not in dataset.json"
    assert "its labels are 0, 1, 2" in second.remedy


def test_the_sound_cases_facts_come_with_it(spoilt):
    result = run_preflight(spoilt, channels=(0,))
    sound = ["c0", "c2", "c4"]
    assert result.facts == read_all_facts(spoilt, sound, (0,))


def test_shards_merge_to_the_whole(spoilt):
    whole = run_preflight(spoilt, channels=(0,))
    shares = [run_preflight(spoilt, channels=(0,), rank=rank, size=3) for rank in range(3)]
    assert merge(shares, spoilt) == whole
    none = run_preflight(spoilt, channels=(0,), rank=6, size=7)
    assert merge([whole, none], spoilt) == whole


def test_as_many_bad_cases_as_allowed_and_no_more(spoilt):
    result = run_preflight(spoilt, channels=(0,))
    result.require(2)
    with pytest.raises(DataError) as caught:
        result.require(1)
    text = str(caught.value)
    assert "c1.nii.gz: truncated gzip (and 1 more bad case)" in text
    assert "--max-bad-cases 2" in text
    assert "\n" not in text


@pytest.mark.parametrize("missing", ["image", "label", "listing"])
def test_a_case_without_image_or_label_is_bad(maker, missing):
    maker.case("a")
    maker.case("b")
    if missing == "listing":
        del maker.content["training"][1]["label"]
        maker.save()
    else:
        (maker.root / f"{missing}sTr/b.nii.gz").unlink()
    (entry,) = run_preflight(load_dataset(maker.root), channels=(0,)).quarantined
    assert entry.case == "b"
    assert entry.reason == ("no label" if missing == "listing" else "no such file")
    assert (entry.sha256 is None) == (missing != "listing")


def test_a_shifted_label_is_reported_with_its_field(maker):
    shifted = np.eye(4)
    shifted[0, 3] = 5
    maker.case("a", label_affine=shifted)
    (entry,) = run_preflight(load_dataset(maker.root), channels=(0,)).quarantined
    assert entry.file.endswith("labelsTr/a.nii.gz")
    assert entry.reason == "affine: its affine is 5.0 voxels off its image's"


def test_odd_but_usable_cases_are_noted(maker):
    maker.case("empty", label=np.zeros((12, 10, 8), np.uint8))
    maker.case("flat", image=np.full((12, 10, 8), 4.0, np.float32))
    path, _ = maker.case("unknown")
    maker.nifti(path.relative_to(maker.root), maker.image(), unit="unknown")
    framed = np.zeros((12, 10, 8), np.float32)
    framed[:, :, 3:7] = maker.image((12, 10, 4))
    maker.case("outside", image=framed)
    result = run_preflight(load_dataset(maker.root), channels=(0,))
    assert result.quarantined == ()
    found = {notice.case: notice.found for notice in result.notices}
    assert found["empty"] == "the mask is empty"
    assert found["flat"] == "a constant channel, all 4"
    outside = (maker.label()[:, :, :3] > 0).sum()
    assert found["outside"] == f"{outside} labelled voxels outside the body will not be learnt"
    assert found["unknown"].startswith("voxel spacing unknown")
    result.require(0)


def test_a_data_set_of_empty_masks_is_refused(maker):
    maker.case("a", label=np.zeros((12, 10, 8), np.uint8))
    with pytest.raises(DataError, match=r"every mask is empty \(1 cases\)"):
        run_preflight(load_dataset(maker.root), channels=(0,)).require(0)


def test_a_data_set_without_sound_case_is_refused(maker):
    image, _ = maker.case("a")
    image.write_bytes(b"")
    with pytest.raises(DataError, match="no sound case among 1"):
        run_preflight(load_dataset(maker.root), channels=(0,)).require(1)


def test_quarantine_json_holds_the_findings(spoilt, tmp_path):
    save_quarantine(run_preflight(spoilt, channels=(0,)), tmp_path / "run")
    content = json.loads((tmp_path / "run" / "quarantine.json").read_text())
    assert [entry["case"] for entry in content["quarantined"]] == ["c1", "c3"]
    assert set(content) == {"dataset", "checked", "quarantined", "notices"}
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Not a directory"):
        save_quarantine(run_preflight(spoilt, channels=(0,)), tmp_path / "file" / "run")


def test_the_command_prints_writes_and_fails(spoilt, tmp_path, capsys):
    given = ("--data_path", spoilt.root, "--output", tmp_path)
    assert run_command(command, *given, "--max-bad-cases", 2) == 0
    printed = capsys.readouterr().out
    assert "Small: 3 of 5 cases are sound" in printed
    assert "bad: c1: " in printed
    with pytest.raises(DataError, match="truncated gzip"):
        run_command(command, *given, "--json")
    assert json.loads(capsys.readouterr().out)["checked"] == 5
    assert (tmp_path / "quarantine.json").is_file()
