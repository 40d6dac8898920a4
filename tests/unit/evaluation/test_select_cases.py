import pytest

from unet.data.msd import load_dataset
from unet.data.split import Split
from unet.evaluation.select_cases import select_cases
from unet.system.errors import DataError, UsageError


def test_unknown_cases_and_empty_splits_name_what_to_do(data):
    dataset = load_dataset(data)
    split = Split(training=("case_0",), validation=("case_9",), scheme="random")
    with pytest.raises(DataError, match="--cases all"):
        select_cases(dataset, split, "validation")
    with pytest.raises(UsageError, match="no test cases"):
        select_cases(dataset, split, "test")
    with pytest.raises(DataError, match="did you mean case_"):
        select_cases(dataset, split, "case_7")
    with pytest.raises(UsageError, match="did you mean validation"):
        select_cases(dataset, split, "valdation")
