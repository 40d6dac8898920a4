"""Which cases belong together: a table that people write, separated by commas or tabs."""

from __future__ import annotations

from pathlib import Path

from unet.data.groups import read_groups

NAME = "groups.csv"
CASES = ("a_1", "a_2", "b_1")
TABLE = "case,group,note\r\na_1,A,\r\na_2,A,x\r\nb_1,B,y\r\n"
SEEDS = (
    TABLE.encode(),
    TABLE.replace(",", "\t").replace("\r", "").encode("utf-8-sig"),
    b'group,case\n"A, first",a_1\n"A\n2",a_2\n"B ""b""",b_1\n',
    TABLE.replace("x", "x" * 131_071).encode(),  # nearly the longest cell that is taken
)


def read(path: Path) -> None:
    """Every case has a group afterwards."""
    groups = read_groups(path, CASES)
    assert set(groups) == set(CASES)
    assert all(groups.values())
