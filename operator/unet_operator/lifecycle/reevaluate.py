"""Another evaluation: a higher evaluation.round is the one thing that lifts an end."""

from __future__ import annotations

from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import ConditionType
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.evaluate import begin_round

_ENDS: tuple[ConditionType, ...] = ("Complete", "Failed")


def wanted_again(training: UNetTraining) -> bool:
    """Whether a trained network that has been evaluated is to be so once more."""
    asked, status = training.spec.evaluation, training.status
    if not (asked.enabled and status.holds("Trained")):
        return False
    return asked.round > (status.evaluation_round or 0)


def reopen(draft: Draft, training: UNetTraining) -> None:
    """Lifts the terminal conditions for a requested evaluation."""
    round_ = training.spec.evaluation.round
    for kind in _ENDS:
        if draft.status.condition(kind) is not None:
            draft.condition(kind, False, "Reevaluating", f"evaluation {round_} was asked for")
    draft.set(completion_time=None, evaluation=None, start_time=draft.now)
    begin_round(draft, training)
    draft.wake(0)
