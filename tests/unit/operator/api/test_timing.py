"""Moments far away are the end of time, not a crash at every look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.operator.making import NOW
from unet_operator.api.timing import moment_after


@pytest.mark.parametrize("seconds", [10**12, 10**30, 2**63])
def test_a_moment_beyond_all_dates_is_the_last_one(seconds: int):
    assert moment_after(NOW, seconds) == datetime.max.replace(tzinfo=UTC)


def test_a_moment_is_so_many_seconds_later():
    assert moment_after(NOW, 90) == NOW + timedelta(seconds=90)
