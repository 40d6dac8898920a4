import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from unet.errors import DataError
from unet.result.metrics import dice
from unet.result.postprocess import (
    CANDIDATES,
    FILE,
    KEEP_ALL,
    LARGEST,
    Postprocess,
    candidate_dice,
    choose,
    load_postprocess,
    save_postprocess,
)

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
    ("rule", "left"), [(KEEP_ALL, 137), (LARGEST, 125), ("at least 10 voxels", 137),
                       ("at least 30 voxels", 125), ("at least 300 voxels", 0)],
)  # fmt: skip
def test_each_rule_keeps_what_it_says(rule, left):
    assert Postprocess(rules={"r": rule}).apply(two_pieces(), ("r",)).sum() == left


def test_the_rule_with_the_best_mean_is_chosen_if_it_gains_enough():
    plain = dict.fromkeys(CANDIDATES, 0.8)
    better = plain | {LARGEST: 0.9}
    noise = plain | {LARGEST: 0.8005}
    assert choose([{"r": better}, {"r": plain}]).rules == {"r": LARGEST}
    assert choose([{"r": noise}]).rules == {"r": KEEP_ALL}
    assert choose([{"r": noise}]).changes_nothing


def test_rules_are_saved_beside_the_model_and_a_damaged_file_is_named(tmp_path):
    model = tmp_path / "model.hdf5"
    assert load_postprocess(model).changes_nothing
    chosen = Postprocess(rules={"r": LARGEST})
    save_postprocess(model, chosen)
    assert load_postprocess(model) == chosen
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DataError, match=FILE):
        load_postprocess(model)
