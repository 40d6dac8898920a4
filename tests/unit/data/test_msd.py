"""dataset.json as real data sets have it."""

import json

import pytest

from unet.data.msd import load_dataset
from unet.system.errors import DataError, ExitCode


def write(root, **content):
    root.mkdir(parents=True, exist_ok=True)
    whole = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "organ"}} | content
    whole = {key: value for key, value in whole.items() if value is not None}
    (root / "dataset.json").write_text(json.dumps(whole))
    return root


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def listed(image="./imagesTr/a.nii.gz", label="./labelsTr/a.nii.gz"):
    return [{"image": image, "label": label}]


def test_a_plain_data_set_is_read_in_file_order(tmp_path):
    names = ["b", "a", "c"]
    training = [
        {"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names
    ]
    root = write(tmp_path / "T", name="Thing", training=training, test=["./imagesTs/z.nii.gz"])
    dataset = load_dataset(root)
    assert dataset.name == "Thing"
    assert [case.id for case in dataset.cases] == names
    assert dataset.cases[0].label == root / "labelsTr/b.nii.gz"
    assert [case.id for case in dataset.test_cases] == ["z"]
    assert dataset.test_cases[0].label is None
    assert dataset.labels == {1: "organ"}
    assert load_dataset(root / "dataset.json") == dataset


@pytest.mark.parametrize(
    "path",
    [
        "./imagesTr/a.nii.gz",
        "imagesTr/a.nii.gz",
        "/imagesTr/a.nii.gz",
        "/imagesTr/a.nii",
        "imagesTr\\a.nii.gz",
        " imagesTr/a.nii.gz ",
        "imagesTr/a",
    ],
)
def test_odd_paths_find_the_file(tmp_path, path):
    touch(tmp_path, "imagesTr/a.nii.gz")
    case = load_dataset(write(tmp_path, training=listed(image=path))).cases[0]
    assert case.image == tmp_path / "imagesTr/a.nii.gz"
    assert case.id == "a"


def test_a_gz_name_finds_the_unpacked_file(tmp_path):
    touch(tmp_path, "imagesTr/a.nii")
    case = load_dataset(write(tmp_path, training=listed())).cases[0]
    assert case.image == tmp_path / "imagesTr/a.nii"


def test_an_absolute_path_outside_the_root_is_taken_if_it_exists(tmp_path):
    touch(tmp_path / "elsewhere", "a.nii.gz")
    outside = tmp_path / "elsewhere" / "a.nii.gz"
    root = write(tmp_path / "T", training=listed(image=str(outside)))
    assert load_dataset(root).cases[0].image == outside


def test_files_of_a_mac_are_skipped(tmp_path):
    training = listed() + listed(image="./imagesTr/._a.nii.gz")
    root = write(tmp_path, training=training, test=["./imagesTs/._b.nii.gz"])
    dataset = load_dataset(root)
    assert [case.id for case in dataset.cases] == ["a"]
    assert dataset.test_cases == ()


@pytest.mark.parametrize(
    ("key", "slip"),
    [("modality", "modalitiy"), ("labels", "lables"), ("training", "trainning"), ("test", "tests")],
)
def test_misspelt_keys_are_understood(tmp_path, key, slip):
    content = {
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "organ"},
        "training": listed(),
        "test": ["./imagesTs/z.nii.gz"],
    }
    root = write(tmp_path, **content)
    right = load_dataset(root)
    content[slip] = content.pop(key)
    (root / "dataset.json").write_text(json.dumps(content))
    assert load_dataset(root) == right


def test_missing_keys_have_their_obvious_value(tmp_path):
    touch(tmp_path / "T", "imagesTr/a.nii.gz", "imagesTr/._a.nii.gz", "labelsTr/a.nii.gz")
    touch(tmp_path / "T", "imagesTr/b.nii.gz")
    dataset = load_dataset(write(tmp_path / "T"))
    assert dataset.name == "T"
    assert [(case.id, case.label is None) for case in dataset.cases] == [("a", False), ("b", True)]
    assert dataset.test_cases == ()


def test_a_byte_order_mark_is_no_error(tmp_path):
    root = write(tmp_path, training=listed())
    file = root / "dataset.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(load_dataset(root).cases) == 1


@pytest.mark.parametrize(
    ("content", "where", "found"),
    [
        ({"training": None}, "training", "no training cases"),
        ({"training": []}, "training", "no training cases"),
        ({"training": {"a": 1}}, "training", "a dict"),
        ({"training": [{"label": "x"}]}, "training[0]", "no image path"),
        ({"training": [3]}, "training[0]", "no image path"),
        ({"training": [{"image": "a.nii", "label": 3}]}, "training[0].label", "a int"),
        ({"training": listed() * 2}, "training", "case a twice"),
        ({"training": listed(), "labels": None}, "labels", "missing"),
        ({"training": listed(), "labels": ["organ"]}, "labels", "not an object"),
        ({"training": listed(), "labels": {"organ": "1"}}, "labels", "keys 'organ'"),
        ({"training": listed(), "labels": {"0": "background"}}, "labels", "nothing but"),
        ({"training": listed(), "labels": {"0": "b", "300": "organ"}}, "labels", "value 300"),
        ({"training": listed(), "labels": {"1": "organ", "2": "Organ"}}, "labels", "names"),
        ({"training": listed(), "modality": None}, "modality", "missing"),
        ({"training": listed(), "modality": {}}, "modality", "not an object"),
        ({"training": listed(), "modality": {"1": "MRI"}}, "modality", "indices 1"),
        ({"training": listed(), "modality": {"MRI": "0"}}, "modality", "keys 'MRI'"),
        ({"training": listed(), "modality": {"0": "T1", "1": "t-1"}}, "modality", "names 'T1'"),
    ],
)
def test_a_wrong_dataset_json_is_one_line_with_the_field(tmp_path, content, where, found):
    root = write(tmp_path, **content)
    with pytest.raises(DataError) as caught:
        load_dataset(root)
    assert caught.value.where == f"{root / 'dataset.json'}: {where}"
    assert found in caught.value.found
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert caught.value.code == ExitCode.DATA


def test_a_missing_dataset_json_names_the_task_folder_below(tmp_path):
    with pytest.raises(DataError, match="no such file; give the folder"):
        load_dataset(tmp_path)
    write(tmp_path / "Task07_Pancreas", training=listed())
    with pytest.raises(DataError, match=r"give --data_path .*Task07_Pancreas"):
        load_dataset(tmp_path)
    with pytest.raises(DataError, match=r"dataset\.json"):
        load_dataset(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"name": "x",\n "training": [}', "not JSON.*line 2"),
        (b"", "not JSON"),
        (b"[1]", "a JSON list"),
        (b'{"name": "\xff"}', "not UTF-8"),
    ],
)
def test_a_damaged_dataset_json_says_where(tmp_path, content, found):
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path)


def test_a_case_listed_for_testing_too_keeps_its_label(tmp_path):
    dataset = load_dataset(write(tmp_path, training=listed(), test=["./imagesTr/a.nii.gz"]))
    assert dataset.case("a").label == tmp_path / "labelsTr/a.nii.gz"


def test_channels_and_labels_without_a_name_get_one(tmp_path):
    content = {"modality": {"0": " "}, "labels": {"0": "background", "1": "", "2": "organ"}}
    dataset = load_dataset(write(tmp_path, training=listed(), **content))
    assert (dataset.channels, dataset.labels) == (("channel 0",), {1: "label 1", 2: "organ"})
