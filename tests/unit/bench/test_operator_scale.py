"""A burst ends: by condition, or by saying what is missing."""

import operator_common
import operator_scale
import pytest


def series(**phases: float) -> dict[str, float]:
    return {f'unet_trainings{{phase="{name}"}}': value for name, value in phases.items()}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What the operator says of itself."""
    found: dict[str, float] = {}
    monkeypatch.setattr(operator_common, "operator_pod", lambda: "operator")
    monkeypatch.setattr(operator_common, "metrics", lambda pod: found)
    return found


def test_a_burst_is_over_when_all_have_ended_well_or_not(counted: dict[str, float]) -> None:
    counted.update(series(Succeeded=3, Failed=1))
    assert operator_scale.end_of(4, seconds=0) == {}


def test_a_burst_out_of_time_tells_what_has_not_ended(counted: dict[str, float]) -> None:
    counted.update(series(Succeeded=3, Training=1, Pending=0), process_cpu_seconds_total=1.0)
    assert operator_scale.end_of(4, seconds=0) == {"Training": 1}


def test_trainings_that_the_operator_does_not_count_have_not_ended(
    counted: dict[str, float],
) -> None:
    counted.update(series(Succeeded=3))
    assert operator_scale.end_of(4, seconds=0) == {"seen by nobody": 1}
