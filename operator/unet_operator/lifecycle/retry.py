"""What follows a lost attempt: another one, a smaller one, or the end."""

from __future__ import annotations

from datetime import timedelta

from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import Reduced
from unet_operator.failure.ended import Cause
from unet_operator.lifecycle.draft import Draft

FIRST_DELAY, LONGEST_DELAY = 5.0, 300.0
"""Seconds before the second attempt, and at most; each attempt doubles the wait."""
_PATCH_STEP = 16
"""Patch sizes are multiples of 2^4: the network halves each axis four times."""


def backoff(attempt: int) -> float:
    """Seconds to wait after that attempt."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** (min(attempt, 16) - 1)))


def conclude(draft: Draft, training: UNetTraining, cause: Cause) -> None:
    """Ends the present attempt for `cause`: sets Failed, or the time of the next attempt."""
    status = draft.status
    if cause.final:
        fail(draft, cause.reason, cause.message)
        return
    where = _where(draft)
    if cause.memory:
        smaller = reduced(draft, training)
        if smaller is None:
            fail(
                draft,
                "OutOfMemory",
                f"{cause.message}{where}, and batch and patch size are not reduced further; "
                "raise workers.resources.limits.memory or lower workers.slotsPerWorker",
            )
            return
        draft.set(reduced=smaller)
    counted = cause.counted
    if cause.reason == "PeerLost":
        saved, before = _saved_epoch(draft), status.peer_lost_epoch
        # A lost node shows as one broken connection; a network that always breaks as many.
        counted = before is not None and saved <= before
        draft.set(peer_lost_epoch=saved)
    failures = status.failures + counted
    draft.set(failures=failures)
    if failures > training.spec.run_policy.backoff_limit:
        fail(
            draft,
            "BackoffLimitExceeded",
            f"{failures} failed attempts, the last: {cause.message}{where}; see kubectl logs "
            f"job/{training.name}-launcher-{status.attempt}",
        )
        return
    delay = backoff(status.attempt)
    draft.set(next_attempt_time=draft.now + timedelta(seconds=delay))
    message = f"{cause.message}{where}; attempt {status.attempt + 1} {_resumes(draft)}"
    draft.condition("WorkersReady", False, cause.reason, cause.message)
    draft.say(message)
    draft.tell("Warning", "AttemptFailed", message)
    draft.wake(delay)


def fail(draft: Draft, reason: str, message: str) -> None:
    """Ends the training."""
    draft.condition("Failed", True, reason, message, event="Warning")
    draft.set(completion_time=draft.now, next_attempt_time=None, workers=None)
    draft.say(message)


def reduced(draft: Draft, training: UNetTraining) -> Reduced | None:
    """Half the batch, then half the patch, each once; None when both were tried."""
    status, asked = draft.status, training.spec.training
    before = status.reduced or Reduced()
    plan = status.plan
    batch = plan.batch_size if plan else None
    if batch is None and isinstance(asked.batch_size, int):
        batch = asked.batch_size
    if before.batch_size is None and before.patch_size is None and batch is not None and batch > 1:
        return Reduced(batch_size=batch // 2)
    patch = plan.patch_size if plan and plan.patch_size else asked.patch_size
    if before.patch_size is None and patch != "auto":
        half = [
            min(int(n), max(_PATCH_STEP, int(n) // 2 // _PATCH_STEP * _PATCH_STEP))
            for n in patch.split(",")
        ]
        smaller = ",".join(map(str, half))
        if smaller != patch:
            return before.model_copy(update={"patch_size": smaller})
    return None


def _where(draft: Draft) -> str:
    progress = draft.status.training
    return f" at epoch {progress.epoch}" if progress and progress.epoch else ""


def _resumes(draft: Draft) -> str:
    status = draft.status
    saved, less = _saved_epoch(draft), status.reduced
    start = f"resumes from epoch {saved}" if saved else "starts"
    if less is None:
        return start
    sizes = [f"batch {less.batch_size}"] if less.batch_size else []
    sizes += [f"patch {less.patch_size}"] if less.patch_size else []
    return f"{start} with {' and '.join(sizes)}"


def _saved_epoch(draft: Draft) -> int:
    """The last checkpoint's epoch, 0 before there is one."""
    progress = draft.status.training
    return (progress and progress.checkpoint_epoch) or 0
