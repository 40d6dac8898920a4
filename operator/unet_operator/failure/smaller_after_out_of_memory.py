"""Out of memory: the next attempt halves the batch once, then the patch once."""

from __future__ import annotations

from unet_operator.api.spec.training import TrainingSettings
from unet_operator.api.status import Reduced, Status

PATCH_STEP = 16
"""A reduced patch is a multiple of it on every axis (docs/contract.md): the deepest network
halves each axis four times."""


def reduced_sizes(status: Status, asked: TrainingSettings) -> Reduced | None:
    """What the next attempt must not exceed; None when both halvings were tried."""
    before = status.reduced or Reduced()
    if before.batch_size is None and before.patch_size is None:
        batch = _batch_size(status, asked)
        if batch is not None and batch > 1:
            return Reduced(batch_size=batch // 2)
    if before.patch_size is None:
        patch = _patch_size(status, asked)
        smaller = halved(patch) if patch is not None else None
        if smaller != patch:
            return before.model_copy(update={"patch_size": smaller})
    return None


def halved(patch: str) -> str:
    """A patch size D,H,W with each axis halved, to a multiple of PATCH_STEP and no less."""
    sizes = [int(size) for size in patch.split(",")]
    half = [max(PATCH_STEP, size // 2 // PATCH_STEP * PATCH_STEP) for size in sizes]
    return ",".join(str(min(pair)) for pair in zip(sizes, half, strict=True))


def _batch_size(status: Status, asked: TrainingSettings) -> int | None:
    if status.plan and status.plan.batch_size is not None:
        return status.plan.batch_size
    return asked.batch_size if isinstance(asked.batch_size, int) else None


def _patch_size(status: Status, asked: TrainingSettings) -> str | None:
    if status.plan and status.plan.patch_size:
        return status.plan.patch_size
    return asked.patch_size if asked.patch_size != "auto" else None
