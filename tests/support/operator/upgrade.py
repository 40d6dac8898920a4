"""An upgrade of the operator from release 0.1.0, whose statuses lack some fields."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from unet_operator.api.migration import migrated
from unet_operator.api.resource import UNetTraining
from unet_operator.observe.objects import Observed

from support.operator.making import decided

NEW_FIELDS = ("last_failure", "reduced_replicas", "evaluation_round")


def assert_upgrade_changes_nothing(
    subject: UNetTraining, observed: Observed, now: datetime
) -> None:
    """What release 0.1.0 would have written leads to the decision of what is written now."""
    old = subject.status.model_copy(update=dict.fromkeys(NEW_FIELDS))
    wanted = decided(subject, observed, now)
    decision = decided(replace(subject, status=migrated(old)), observed, now)
    assert decision.actions == wanted.actions
    assert decision.events == wanted.events
    assert decision.wake == wanted.wake
    # 0.1.0 did not keep why an attempt ended once the next one was on its way.
    told = decision.status.model_copy(update={"last_failure": wanted.status.last_failure})
    assert told == wanted.status
