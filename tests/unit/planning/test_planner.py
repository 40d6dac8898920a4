"""A plan follows from facts, machine and settings, and says why."""

import pytest
from support.fingerprints import GIB, plan_for, same_cases

from unet.system.errors import MemoryShortError


def test_explicit_settings_are_obeyed():
    made = plan_for(
        same_cases((64, 64, 64)),
        epochs=3,
        batch_size=1,
        patch_size=(32, 32, 32),
        filters=8,
        learning_rate=0.5,
        threads=1,
        precision="float32",
        steps_per_epoch=7,
        time_budget=60.0,
    )
    assert (made.epochs, made.batch_size, made.patch_size) == (3, 1, (32, 32, 32))
    assert (made.network.filters[0], made.learning_rate, made.threads) == (8, 0.5, 1)
    assert made.steps_per_epoch == 7


def test_a_given_patch_that_does_not_fit_is_refused_by_name():
    with pytest.raises(MemoryShortError, match="--patch-size"):
        plan_for(same_cases((240, 240, 155)), 4 * GIB, patch_size=(192, 192, 160), batch_size=4)


def test_reasons_come_in_the_order_of_the_decisions():
    made = plan_for(same_cases((140, 170, 140)), cores=16, time_budget=600.0)
    first_words = [reason.split()[0] for reason in made.reasons]
    assert first_words == [
        "float32:",
        "10m00s",
        "channel",
        "each",
        "grid",
        "patch",
        "16",
        "mirrored",
    ]
