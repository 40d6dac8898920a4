"""Cases of one patient are known by a table or by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet.data.groups import groups_by_pattern, read_groups, units_of
from unet.system.errors import DataError, UsageError

CASES = ("a_1", "a_2", "b_1")


@pytest.mark.parametrize("between", [",", "\t"])
def test_a_table_names_each_cases_group(tmp_path: Path, between: str):
    file = tmp_path / "groups"
    rows = [("group", "note", "case"), ("A", "x", "a_1"), ("A", "", " a_2 "), ("B", "", "b_1")]
    file.write_text("\n".join(between.join(row) for row in rows), encoding="utf-8-sig")
    assert read_groups(file, CASES) == {"a_1": "A", "a_2": "A", "b_1": "B"}


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("patient,name\n", UsageError, "columns patient, name"),
        ("", UsageError, "columns none"),
        ("case,group\na_1,A\nc,A\n", DataError, "line 3: 'c' is no case"),
        ("case,group\na_1,A\na_1,B\n", DataError, "'a_1' is there twice"),
        ("case,group\na_1\n", DataError, "'a_1' has no group"),
        (f"case,group\na_1,{'A' * 2**18}\n", DataError, "line 2: no table"),
        ("case,group\na_1,A\n", DataError, "2 cases are not in it, such as 'a_2'"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(
    tmp_path: Path, text: str, error: type[Exception], said: str
):
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(error, match=said):
        read_groups(tmp_path / "groups.csv", CASES)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_table_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None):
    if content is not None:
        (tmp_path / "groups.csv").write_bytes(content)
    with pytest.raises(UsageError, match="--groups"):
        read_groups(tmp_path / "groups.csv", CASES)


def test_a_pattern_takes_its_first_group_or_all_that_it_matches():
    assert groups_by_pattern(r"^([a-z])_", CASES) == {"a_1": "a", "a_2": "a", "b_1": "b"}
    assert groups_by_pattern(r"^[a-z]_", CASES)["a_2"] == "a_"


@pytest.mark.parametrize(
    ("pattern", "said"), [("(", "unterminated|missing"), (r"a_(\d)", "finds no group in 'b_1'")]
)
def test_a_pattern_that_does_not_suit_is_named(pattern: str, said: str):
    with pytest.raises(UsageError, match=said):
        groups_by_pattern(pattern, CASES)


def test_cases_without_a_group_are_alone():
    assert units_of(("x", "y", "z"), {"x": "g", "z": "g"}) == [["x", "z"], ["y"]]
    assert units_of(("x", "y"), {"x": "case y"}) == [["x"], ["y"]]
