"""A fingerprint holds the facts of all cases."""

import pytest
from support.fingerprints import fingerprint_of

from unet.data.case_measurement import read_all_facts
from unet.data.msd import load_dataset
from unet.planning.fingerprint import Fingerprint, make_fingerprint
from unet.system.errors import DataError


def test_a_fingerprint_holds_every_case_and_survives_its_file(maker):
    for index in range(3):
        maker.case(f"c{index}", image=maker.image(seed=index))
    dataset = load_dataset(maker.root)
    ids = [case.id for case in dataset.cases]
    whole = make_fingerprint(dataset, (0,), read_all_facts(dataset, ids, (0,)))
    assert Fingerprint.model_validate_json(whole.model_dump_json()) == whole
    assert [case.case for case in whole.cases] == ids


def test_one_case_of_unknown_spacing_forbids_millimetres():
    assert fingerprint_of([(1, 1, 1), (1, 1, 2)]).spacing_known
    assert not fingerprint_of([(1, 1, 1), None]).spacing_known


def test_no_case_is_an_error(maker):
    maker.case("a")
    with pytest.raises(DataError, match="no case"):
        make_fingerprint(load_dataset(maker.root), (0,), [])
