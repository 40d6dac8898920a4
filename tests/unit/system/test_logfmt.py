from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.system.logfmt import format_line, parse_line

KEYS = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


@given(st.dictionaries(KEYS, st.text(), min_size=1))
def test_every_line_reads_back(fields):
    line = format_line(fields)
    assert "\n" not in line
    assert parse_line(line) == fields


def test_plain_values_stay_plain():
    line = format_line({"epoch": "3/40", "loss": 0.412, "eta": None, "cause": "out of memory"})
    assert line == 'epoch=3/40 loss=0.412 cause="out of memory"'


@pytest.mark.parametrize("line", ["", "Traceback (most recent call last):", "a=1 b", 'a="open'])
def test_other_lines_are_none_of_ours(line):
    assert parse_line(line) is None
