"""Whole lives that the operator's process also plays against a real API server."""

from __future__ import annotations

import pytest
from support.operator import lives
from support.operator.simulated_stage import SimulatedStage


@pytest.mark.parametrize(
    "life",
    [
        lives.from_apply_to_the_dice_table,
        lives.what_happened_while_no_operator_ran_is_found_out,
        lives.suspended_resumed_and_evaluated_again,
    ],
    ids=lambda life: life.__name__,
)
def test_a_life_is_lived_as_told(life):
    life(SimulatedStage())


@pytest.mark.parametrize("phase", ["Starting", "Training", "Evaluating"])
def test_killed_and_restarted_it_goes_on_where_it_was(phase):
    lives.killed_and_restarted(SimulatedStage(), phase)
