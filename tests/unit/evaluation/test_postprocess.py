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
    Postprocess,
    candidate_dice,
    choose,
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


def test_rules_are_saved_beside_the_model_and_a_damaged_file_is_named(tmp_path):
    model = tmp_path / "model.hdf5"
    model.write_bytes(b"weights")
    assert load_postprocess(model).changes_nothing
    chosen = Postprocess(rules={"r": LARGEST})
    save_postprocess(model, model_digest(model), chosen)
    assert load_postprocess(model) == chosen
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DataError, match=FILE):
        load_postprocess(model)


def test_a_model_that_was_trained_further_has_no_rules_yet(tmp_path):
    model = tmp_path / "model.hdf5"
    model.write_bytes(b"weights")
    save_postprocess(model, model_digest(model), Postprocess(rules={"r": LARGEST}))
    model.write_bytes(b"better weights")
    assert load_postprocess(model).changes_nothing
