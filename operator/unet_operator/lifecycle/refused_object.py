"""An object that the API server refuses: the training says so in a condition and waits."""

from __future__ import annotations

from datetime import datetime

from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import ConditionType, Status
from unet_operator.failure.obstacle import Obstacle
from unet_operator.lifecycle.actions import CONDITION_OF, Action, Decision
from unet_operator.lifecycle.draft import Draft

RETRY_SECONDS = 30.0
"""Seconds before what was refused is tried again."""


def with_refusal(
    training: UNetTraining,
    decision: Decision,
    action: Action,
    refusal: Obstacle,
    now: datetime,
) -> Decision:
    """The decision with the refusal told in the condition that the action holds up.

    The rest of what was decided stays, except that a training that is not accepted goes no
    further than it was.  The same refusal, met again, changes and tells nothing.
    """
    kind = CONDITION_OF.get(type(action), "Accepted")
    going_on = kind != "Accepted"
    reached = decision.status if going_on else training.status
    draft = Draft(_as_before(reached, training.status, kind), training.meta.generation, now)
    for event in decision.events if going_on else ():
        if event.reason != decision.status.reason(kind):
            draft.tell(event.type, event.reason, event.message)
    draft.wait_for(refusal, kind)
    draft.wake(RETRY_SECONDS)
    return draft.finish()


def _as_before(reached: Status, before: Status, kind: ConditionType) -> Status:
    """The status reached, with one condition as it was before."""
    old = before.condition(kind)
    rest = [c if c.type != kind else old for c in reached.conditions]
    return reached.model_copy(update={"conditions": [c for c in rest if c is not None]})
