"""Learning rate: its peak for N ranks, and its course over the fraction of training done."""

from __future__ import annotations

import math

from unet.planning.plan import Plan
from unet.training.position import Position

WARM_UP = 0.04  # fraction of training spent rising linearly to the peak
FLOOR = 0.01  # the cosine ends at this share of the peak
REFERENCE_BATCH = 8  # the global batch for which the base rates were chosen
LARGEST_FACTOR = 2.0  # beyond it larger batches stop paying


def peak_rate(base: float, global_batch: int) -> float:
    """Scales the base rate by the square root of the global batch.

    The square-root rule suits adaptive optimisers (their update's noise falls with the
    root of the batch); the factor is capped since very large batches of patches gain nothing.
    """
    return base * min(math.sqrt(global_batch / REFERENCE_BATCH), LARGEST_FACTOR)


def peak_for_ranks(plan: Plan) -> float:
    """The peak for the global batch of all ranks; the course's rate is taken as it is given."""
    if plan.network.kind == "course":
        return plan.learning_rate
    return peak_rate(plan.learning_rate, plan.global_batch_size)


def rate_of_step(peak: float, position: Position) -> float:
    """The rate of the step that follows a position, roll-backs counted in.

    A run that was done and goes on follows the cosine of its new length. It rises to it from the
    floor where it stood, as linearly and over the same fraction of what is to come as at first.
    """
    epochs = position.epoch + position.step / position.steps_per_epoch
    rate = rate_at(peak, epochs / position.epochs)
    if position.extended_at is not None:
        ahead = WARM_UP * max(1, position.epochs - position.extended_at)
        risen = min(1.0, (epochs - position.extended_at) / ahead)
        rate = FLOOR * peak + risen * (rate - FLOOR * peak)
    return rate * position.rate_factor


def rate_at(peak: float, fraction: float) -> float:
    """Linear warm-up, then half a cosine down to ``FLOOR * peak``.

    Args:
        fraction: of all steps, 0 at the first and 1 after the last.
    """
    if fraction < WARM_UP:
        return peak * max(fraction, 1e-4) / WARM_UP
    done = min((fraction - WARM_UP) / (1 - WARM_UP), 1.0)
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
