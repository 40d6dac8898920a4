"""A model is told apart from one that learned nothing."""

import pytest
from support.fingerprints import TARGET, same_cases

from unet.training.outcome import has_learned

SMALL_LESION = same_cases((64, 64, 64))  # 100 voxels of 262,144
LARGE_ORGAN = same_cases((6, 6, 6))  # 100 voxels of 216: marking everything has a Dice of 0.63


@pytest.mark.parametrize(
    ("dice", "cases", "learned"),
    [
        (0.07, SMALL_LESION, False),
        (0.3, SMALL_LESION, True),
        (0.6, LARGE_ORGAN, False),
        (0.65, LARGE_ORGAN, False),
        (0.7, LARGE_ORGAN, True),
        (0.0, SMALL_LESION, False),
        (None, SMALL_LESION, None),
    ],
)
def test_a_model_must_beat_who_marks_every_voxel(dice, cases, learned):
    assert has_learned(dice, cases, TARGET, steps=100) is learned


def test_a_model_of_no_step_has_learned_nothing():
    assert has_learned(None, SMALL_LESION, TARGET, steps=0) is False
