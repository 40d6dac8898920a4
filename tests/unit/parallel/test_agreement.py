"""Models told to all ranks; over several of them: tests/mpi."""

from __future__ import annotations

import json

from pydantic import BaseModel

from unet.parallel.agreement import from_rank_zero, gather_models, gather_names
from unet.parallel.solo import Solo


class Facts(BaseModel):
    name: str


class OtherRank(Solo):
    """Rank 1 of two, which hears of rank 0 what the test has it say."""

    rank, size = 1, 2

    def __init__(self, rank_zero_says):
        self.rank_zero_says = rank_zero_says

    def gather_objects(self, item):
        return json.loads(json.dumps([self.rank_zero_says, item]))


def unasked():
    raise AssertionError("only rank 0 looks")


def test_another_rank_is_told_and_does_not_look_itself():
    assert from_rank_zero(OtherRank('{"name": "a"}'), Facts, unasked) == Facts(name="a")
    assert from_rank_zero(OtherRank(None), Facts, unasked) is None


def test_rank_0_looks_and_tells():
    assert from_rank_zero(Solo(), Facts, lambda: Facts(name="é")) == Facts(name="é")
    assert from_rank_zero(Solo(), Facts, lambda: None) is None


def test_models_come_in_the_order_of_ranks_and_names_sorted_and_once():
    both = gather_models(OtherRank('{"name": "a"}'), Facts(name="b"))
    assert both == [Facts(name="a"), Facts(name="b")]
    assert gather_names(OtherRank(["case_2", "case_1"]), {"case_3", "case_2"}) == [
        "case_1",
        "case_2",
        "case_3",
    ]
