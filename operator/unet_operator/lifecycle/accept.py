"""Acceptance: before every attempt the image and the claims are looked at anew."""

from __future__ import annotations

from unet_operator.api.resource import UNetTraining
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.no_image import no_image
from unet_operator.failure.unfit_claim import unfit_claim
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import CreateOutputClaim
from unet_operator.lifecycle.draft import Draft
from unet_operator.observe.objects import Observed


def accepted(draft: Draft, training: UNetTraining, seen: Observed, *, has_image: bool) -> bool:
    """Whether the training may go on: there is an image, the claims are there and fit."""
    if not _between_attempts(draft):
        if not draft.status.holds("Accepted"):
            draft.condition("Accepted", True, "Accepted", "the spec is in order")
        return True
    obstacle = unfit_claim(training, seen) if has_image else no_image()
    if obstacle is not None:
        draft.wait_for(obstacle, "Accepted")
        draft.wake(LOOK_SECONDS)
        return False
    if draft.condition("Accepted", True, "Accepted", message.ACCEPTED):
        draft.say(message.ACCEPTED)
    if draft.status.start_time is None:
        draft.set(start_time=draft.now)
    template = training.spec.output.volume_claim_template
    if template is not None and _missing_output(training, seen):
        draft.do(CreateOutputClaim())
    return True


def _between_attempts(draft: Draft) -> bool:
    if draft.status.holds("Trained"):
        return False
    return draft.status.attempt == 0 or draft.status.next_attempt_time is not None


def _missing_output(training: UNetTraining, seen: Observed) -> bool:
    claim = seen.claims.get(training.output_claim)
    return claim is None or not claim.exists
