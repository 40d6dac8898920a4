"""News that is late, lost or told twice: the operator goes by what is, not by what it heard."""

from __future__ import annotations

import pytest
from support.operator.lives import TRAINED, to_the_end
from support.operator.quick_life import QuickLife
from support.operator.simulated_stage import SimulatedStage


def straight(repeat: int) -> tuple[list[tuple[str, str]], dict]:
    """A life in which all goes well and all news is told so often: (writes, status)."""
    life = QuickLife()
    life.repeat = lambda change: repeat
    life.settle()
    for _ in range(8):
        life.carry_on()
    asked = [(r.method, r.address.plural) for r in life.traffic.requests if r.method != "GET"]
    return asked, life.status


def test_news_told_twice_is_acted_on_once():
    once, status = straight(1)
    twice, again = straight(2)
    assert twice == once
    assert again == status
    assert status["phase"] == "Succeeded"


def test_news_that_got_lost_is_made_good_by_the_next_list():
    stage = SimulatedStage()
    stage.apply()
    stage.to_training()
    stage.life.repeat = lambda change: 0 if change.plural in ("jobs", "pods") else 1
    stage.end("launcher", said=TRAINED)
    assert stage.status()["phase"] == "Training"
    stage.life.repeat = lambda change: 1
    stage.life.relist()
    stage.phase("Evaluating")


@pytest.mark.parametrize("lag", [1, 2, 3, 5, 8])
def test_an_operator_whose_cache_lags_makes_nothing_twice(lag):
    stage = SimulatedStage()
    stage.apply()
    stage.life.behind = lag
    for _ in range(4):
        stage.life.look()
        stage.life.cluster.settle()
    stage.life.behind = 0
    stage.to_training()
    stage.life.behind = lag
    for _ in range(4):
        stage.life.look()
    stage.life.behind = 0
    status = to_the_end(stage)
    assert (status["attempt"], status["failures"]) == (1, 0)
    assert len(set(stage.life.created())) == 4
