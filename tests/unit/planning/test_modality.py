"""CT is known by its name in several languages, or by its values."""

from __future__ import annotations

import pytest

from unet.data.case_facts import ChannelFacts
from unet.planning.modality import is_ct

HU = ChannelFacts(percentiles=(-1000, -900, -100, 20, 60, 200, 900))
MAGNITUDE = ChannelFacts(percentiles=(0, 3, 40, 90, 200, 400, 900))
SCORED = ChannelFacts(percentiles=(-3, -1, -0.5, 0, 0.5, 1, 4))


@pytest.mark.parametrize(
    "name",
    [
        *("CT", "ct", "CTA", "portal venous CT", "CT scan", "CT_venous", "ct1", "CE-CT", "CBCT"),
        *("NCCT", "LDCT", "computed tomography", "Computertomographie", "tomodensitométrie"),
        *("TDM", "TAC", "tomografía computarizada", "计算机断层扫描", "Hounsfield units"),
    ],
)
def test_ct_is_known_by_its_name(name: str):
    assert is_ct(name, [MAGNITUDE])[0] is True


@pytest.mark.parametrize(
    "name", ["T2", "FLAIR", "MRI", "PET", "ADC", "contrast", "octant", "active", "actual"]
)
def test_other_names_are_not_ct(name: str):
    assert is_ct(name, [MAGNITUDE])[0] is False


@pytest.mark.parametrize(
    ("facts", "expected"),
    [([HU, HU, MAGNITUDE], True), ([HU, MAGNITUDE, SCORED], False), ([SCORED], False), ([], False)],
)
def test_a_name_that_says_nothing_is_judged_by_the_values(
    facts: list[ChannelFacts], expected: bool
):
    found, why = is_ct("image", facts)
    assert found is expected
    assert "by its values" in why or not expected


def test_a_name_beats_the_values_and_that_is_said():
    found, why = is_ct("FLAIR", [HU])
    assert found is False
    assert "though its values reach air's" in why
