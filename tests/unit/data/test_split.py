import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.data.dataset import Case, Dataset
from unet.data.split import load_split, make_split, save_split
from unet.system.errors import DataError, UsageError


def dataset(count):
    cases = tuple(Case(id=f"{i}", image=f"/d/{i}.nii", label=f"/d/l{i}.nii") for i in range(count))
    return Dataset(root="/d", name="D", channels=("MRI",), labels={1: "organ"}, cases=cases)


def test_the_courses_split_is_exact():
    split = make_split(dataset(484), "course")
    assert (len(split.training), len(split.validation), len(split.test)) == (411, 36, 37)
    assert split.validation[:3] == ("294", "285", "298")
    assert split.test[:3] == ("132", "125", "284")


@given(
    count=st.integers(2, 60),
    scheme=st.sampled_from(["random", "course", "kfold"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_case_is_used_once(count, scheme, seed):
    split = make_split(dataset(count), scheme, seed=seed, folds=2)
    used = split.training + split.validation + split.test
    assert sorted(used) == sorted(str(i) for i in range(count))
    assert split == make_split(dataset(count), scheme, seed=seed, folds=2)


def test_folds_validate_every_case_once():
    validated = []
    for fold in range(5):
        split = make_split(dataset(23), "kfold", fold=fold, folds=5)
        assert not set(split.training) & set(split.validation)
        assert len(split.validation) in (4, 5)
        validated += split.validation
    assert sorted(validated) == sorted(str(i) for i in range(23))


def test_the_fraction_validates_and_at_least_one_case():
    assert len(make_split(dataset(20), validation_fraction=0.15).validation) == 3
    assert len(make_split(dataset(3), validation_fraction=0.01).validation) == 1
    assert make_split(dataset(3), validation_fraction=0.0).validation == ()
    assert make_split(dataset(20), seed=1) != make_split(dataset(20), seed=2)


def test_one_case_alone_cannot_be_split():
    with pytest.raises(DataError, match=r"no training case left after the split \(1 for"):
        make_split(dataset(1))
    with pytest.raises(DataError, match="at least two"):
        make_split(dataset(1), "course")


def test_quarantine_may_not_take_the_last_training_case():
    split = make_split(dataset(3), validation_fraction=0.4)
    rest = split.without(frozenset(split.training[:1]))
    assert rest.training == split.training[1:]
    assert rest.validation == split.validation
    with pytest.raises(DataError, match="no training case left"):
        split.without(frozenset(split.training))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"scheme": "kfold", "fold": 5}, "--fold: 5; use 0 to 4"),
        ({"scheme": "kfold", "folds": 1}, "--folds: 1 for 10 cases; use 2 to 10"),
        ({"scheme": "kfold", "folds": 11}, "--folds: 11 for 10 cases"),
        ({"validation_fraction": 1.0}, "--validation-fraction"),
        ({"validation_fraction": -0.1}, "--validation-fraction"),
    ],
)
def test_senseless_arguments_are_refused(kwargs, message):
    with pytest.raises(UsageError, match=message):
        make_split(dataset(10), **kwargs)


def test_a_split_survives_saving(tmp_path):
    split = make_split(dataset(20), "course")
    save_split(split, dataset(20), tmp_path / "run")
    assert load_split(tmp_path / "run" / "split.json") == split
    with (tmp_path / "run" / "validate.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(row["case"] for row in rows) == split.validation
    assert rows[0]["label"] == f"/d/l{split.validation[0]}.nii"
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"split.json", "train.csv", "validate.csv", "test.csv"}


@pytest.mark.parametrize("text", ["{", '{"training": 3}', '{"extra": []}'])
def test_a_damaged_split_names_the_file(tmp_path, text):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(DataError, match=r"split\.json: "):
        load_split(tmp_path / "split.json")
    with pytest.raises(DataError, match="No such file"):
        load_split(tmp_path / "absent.json")


def test_a_file_in_the_way_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Not a directory"):
        save_split(make_split(dataset(3)), dataset(3), tmp_path / "file" / "run")


def test_the_courses_fractions_may_be_given_and_its_seed_stays():
    halves = make_split(dataset(20), "course", seed=5, course_fractions=(0.5, 0.2))
    assert (len(halves.training), len(halves.validation), len(halves.test)) == (10, 2, 8)
    assert halves.training == make_split(dataset(20), "course").training[:10]


@given(st.integers(2, 20), st.sampled_from(["random", "kfold", "course"]), st.integers(0, 99))
def test_cases_of_one_group_stay_on_one_side(pairs, scheme, seed):
    subject = dataset(2 * pairs)
    groups = {case.id: f"p{index // 2}" for index, case in enumerate(subject.cases)}
    split = make_split(subject, scheme, seed=seed, folds=2, groups=groups)
    sides = [{groups[case] for case in part} for part in (split.training, split.validation)]
    assert not sides[0] & sides[1]
    assert sorted(split.training + split.validation + split.test) == sorted(groups)
    assert split.groups == groups


def test_groups_of_one_case_change_nothing():
    subject = dataset(20)
    alone = {case.id: case.id for case in subject.cases}
    plain = make_split(subject, "kfold", fold=1)
    assert make_split(subject, "kfold", fold=1, groups=alone).training == plain.training


def test_more_folds_than_groups_are_refused_as_groups():
    subject = dataset(10)
    one = {case.id: "p" for case in subject.cases}
    with pytest.raises(UsageError, match="5 for 1 groups"):
        make_split(subject, "kfold", folds=5, groups=one)
