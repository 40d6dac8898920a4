import math

import numpy as np
import pytest

from unet.evaluation.metrics import score_region

SHAPE = (10, 12, 14)


def score(prediction, truth):
    return score_region("tumour", prediction, truth, spacing=(1.0, 2.0, 3.0))


def test_both_empty_agree_perfectly_and_are_marked():
    nothing = np.zeros(SHAPE, bool)
    result = score(nothing, nothing)
    assert (result.dice, result.hd95, result.nsd) == (1, 0, {"1": 1, "2": 1})
    assert result.empty == "both"


@pytest.mark.parametrize("which", ["truth", "prediction"])
def test_one_empty_scores_nothing_and_is_a_diagonal_away(which):
    nothing, something = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    something[1:3, 1:3, 1:3] = True
    pair = (something, nothing) if which == "truth" else (nothing, something)
    result = score(*pair)
    assert (result.dice, result.nsd) == (0, {"1": 0, "2": 0})
    assert result.hd95 == pytest.approx(math.sqrt(10**2 + 24**2 + 42**2))
    assert result.empty == which


def test_masks_that_both_hold_a_voxel_are_no_such_case():
    something = np.zeros(SHAPE, bool)
    something[5, 5, 5] = True
    assert score(something, something).empty == "none"
