import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from unet.evaluation.metrics import dice
from unet.evaluation.postprocess import (
    CANDIDATES,
    FILE,
    KEEP_ALL,
    LARGEST,
    Learnt,
    Postprocess,
    candidate_dice,
    choose,
    cross_fitted,
    load_postprocess,
    model_digest,
    save_postprocess,
)
from unet.system.errors import DataError

masks = arrays(bool, (9, 9, 9))


@settings(deadline=None, max_examples=50)
@given(prediction=masks, truth=masks)
def test_counted_dice_is_the_dice_of_the_mask_with_pieces_removed(prediction, truth):
    counted = candidate_dice(prediction, truth)
    assert tuple(counted) == CANDIDATES
    for rule, value in counted.items():
        kept = Postprocess(rules={"r": rule}).apply(prediction[..., None], ("r",))[..., 0]
        assert not (kept & ~prediction).any()
        assert value == pytest.approx(dice(kept, truth))


def two_pieces():
    mask = np.zeros((12, 12, 12, 1), bool)
    mask[:5, :5, :5] = True  # 125 voxels
    mask[9:11, 9:11, 9:12] = True  # 12 voxels
    return mask


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (KEEP_ALL, 137),
        (LARGEST, 125),
        ("at least 10 voxels", 137),
        ("at least 30 voxels", 125),
        ("at least 300 voxels", 0),
    ],
)
def test_each_rule_keeps_what_it_says(rule, left):
    assert Postprocess(rules={"r": rule}).apply(two_pieces(), ("r",)).sum() == left


PLAIN = {"r": dict.fromkeys(CANDIDATES, 0.8)}


class TestChoice:
    def better(self, gain):
        return {"r": PLAIN["r"] | {LARGEST: 0.8 + gain}}

    def test_the_rule_with_the_best_mean_is_chosen(self):
        assert choose([self.better(0.1), self.better(0.2)] * 4).rules == {"r": LARGEST}

    def test_a_small_gain_changes_nothing(self):
        assert choose([self.better(0.0005)] * 8).changes_nothing

    def test_a_gain_that_one_case_alone_makes_changes_nothing(self):
        assert choose([self.better(0.5), *[PLAIN] * 7]).changes_nothing

    def test_a_gain_over_few_cases_changes_nothing(self):
        assert choose([self.better(0.1)] * 4).changes_nothing
        assert choose([]).changes_nothing


class TestChoosingOnOthers:
    def test_a_rule_that_helps_every_case_is_worth_its_gain(self):
        cases = [{"r": PLAIN["r"] | {LARGEST: 0.9}}] * 20
        assert cross_fitted(cases) == pytest.approx([0.9] * 20)

    def test_a_gain_of_one_part_alone_is_worth_nothing_to_it(self):
        lucky = {"r": PLAIN["r"] | {LARGEST: 1.0}}
        cases = [lucky if index % 5 == 0 else PLAIN for index in range(20)]
        plain = [case["r"][KEEP_ALL] for case in cases]
        assert cross_fitted(cases)[0] == plain[0]

    def test_regions_are_averaged_and_few_cases_keep_all(self):
        case = {"one": PLAIN["r"], "two": PLAIN["r"] | {KEEP_ALL: 0.2}}
        expected = (PLAIN["r"][KEEP_ALL] + 0.2) / 2
        assert cross_fitted([case] * 3) == pytest.approx([expected] * 3)
        assert cross_fitted([]) == []


def test_rules_are_saved_beside_the_model_and_a_damaged_file_is_named(tmp_path):
    model = tmp_path / "model.hdf5"
    model.write_bytes(b"weights")
    assert load_postprocess(model).postprocess.changes_nothing
    rules = Postprocess(rules={"r": LARGEST})
    learnt = Learnt(model_sha256=model_digest(model), postprocess=rules, cases=("a", "b"))
    save_postprocess(model, learnt)
    assert load_postprocess(model) == learnt
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DataError, match=FILE):
        load_postprocess(model)


def test_a_model_that_was_trained_further_has_no_rules_yet(tmp_path):
    model = tmp_path / "model.hdf5"
    model.write_bytes(b"weights")
    rules = Postprocess(rules={"r": LARGEST})
    save_postprocess(model, Learnt(model_sha256=model_digest(model), postprocess=rules))
    model.write_bytes(b"better weights")
    assert load_postprocess(model).postprocess.changes_nothing
