"""What dataset.json and the settings say of a training, read in one place."""

import pytest
from support import tiny

from unet.data.msd import load_dataset
from unet.data.split import make_split
from unet.planning.settings import TrainSettings
from unet.planning.task import read_task
from unet.system.errors import DataError, UsageError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_dataset(tmp_path_factory.mktemp("task") / "data")


def settings(data, **given):
    return TrainSettings(data_path=data, output="o", **given)


def test_the_split_is_the_one_that_was_asked_for(data):
    task = read_task(settings(data, split="kfold", fold=1, folds=3, split_seed=5))
    assert task.dataset == load_dataset(data)
    assert task.split == make_split(task.dataset, "kfold", seed=5, fold=1, folds=3)
    assert task.channels == (0,)


def test_the_seed_of_the_weights_does_not_move_the_folds(data):
    splits = [read_task(settings(data, split="kfold", folds=3, seed=seed)).split for seed in (1, 2)]
    assert splits[0] == splits[1] == make_split(load_dataset(data), "kfold", folds=3)


def test_a_table_of_groups_beside_a_pattern_is_refused(data, tmp_path):
    with pytest.raises(UsageError, match="--group-pattern: given beside --groups"):
        read_task(settings(data, groups=tmp_path / "g.csv", group_pattern="."))


@pytest.mark.parametrize(
    ("given", "named"),
    [({"channels": "CT"}, "CT"), ({"region": "liver"}, "liver"), ({"labels": 9}, "9")],
)
def test_what_the_data_set_has_not_is_refused(data, given, named):
    with pytest.raises(UsageError, match=named):
        read_task(settings(data, **given))


def test_a_data_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_task(settings(tmp_path))
