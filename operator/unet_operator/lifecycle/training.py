"""The state machine: (training, what is seen, now) → what to write, do, tell, and when again.

Pure and level-triggered: it never asks what changed, only what is.  The steps of `_advance`
stand in the order of a training's life; each says whether the next may be taken.  A terminal
condition is looked at first and latches.
"""

from __future__ import annotations

from datetime import datetime

from unet_operator.api.resource import UNetTraining
from unet_operator.lifecycle.accept import accepted
from unet_operator.lifecycle.actions import Decision
from unet_operator.lifecycle.attempt import trained
from unet_operator.lifecycle.clean_pods import clean_pods
from unet_operator.lifecycle.deadline import deadline_exceeded
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.evaluate import evaluate
from unet_operator.lifecycle.phase import terminal
from unet_operator.lifecycle.reevaluate import reopen, wanted_again
from unet_operator.lifecycle.retry import replaced_jobs_gone, retry_wanted, take_up_again
from unet_operator.lifecycle.stage import data_ready
from unet_operator.lifecycle.suspend import resume, suspend, trained_meanwhile
from unet_operator.lifecycle.ttl import delete_after_time_to_live
from unet_operator.observe.objects import Observed


def decide(training: UNetTraining, seen: Observed, now: datetime, *, image: str) -> Decision:
    """Decides about one training.

    Args:
        training: the resource as last read or written.
        seen: its Jobs, pods, claims and log.
        now: the present time, UTC.
        image: the training image that spec or operator name now; empty if neither does.
    """
    if training.meta.deletion_timestamp is not None:
        return Decision(status=training.status)
    draft = Draft(training.status, training.meta.generation, now)
    _advance(draft, training, seen, image)
    if terminal(draft.status) and not terminal(training.status):
        draft.set(retry=training.spec.run_policy.retry)
        draft.wake(0)
    return draft.finish()


def _advance(draft: Draft, training: UNetTraining, seen: Observed, image: str) -> None:
    """Takes the training as far as it can go for now."""
    policy = training.spec.run_policy
    if terminal(draft.status):
        if wanted_again(training):
            reopen(draft, training)
        elif retry_wanted(training):
            take_up_again(draft, training, seen)
            return
        else:
            clean_pods(draft, policy, seen)
            delete_after_time_to_live(draft, policy)
            return
    if deadline_exceeded(draft, policy):
        return
    if not policy.suspend:
        resume(draft, training, seen)
    elif not trained_meanwhile(draft, training, seen):
        suspend(draft, seen)
        return
    if not replaced_jobs_gone(draft, seen):
        return
    if not accepted(draft, training, seen, has_image=bool(image)):
        return
    if not data_ready(draft, training, seen):
        return
    if not trained(draft, training, seen, image):
        return
    if not policy.suspend:
        evaluate(draft, training, seen)
