"""A data set knows its cases by id."""

from pathlib import Path

import pytest

from unet.data.dataset import Case, Dataset
from unet.system.errors import DataError


def test_an_unknown_case_names_the_nearest():
    case = Case(id="BRATS_001", image=Path("d/imagesTr/BRATS_001.nii.gz"))
    dataset = Dataset(root=Path("d"), name="D", channels=("MRI",), labels={1: "a"}, cases=(case,))
    assert dataset.case("BRATS_001") == case
    with pytest.raises(DataError, match="did you mean BRATS_001"):
        dataset.case("BRATS_01")
