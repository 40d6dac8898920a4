"""Progress: what the launcher's log and its last words tell of plan, epoch, loss and Dice."""

from __future__ import annotations

from unet_operator.api.status import Plan, TrainingProgress
from unet_operator.lifecycle.draft import Draft
from unet_operator.observe.objects import Observed, Pod


def take_progress(draft: Draft, seen: Observed) -> None:
    """Takes over what was read of the launcher's log."""
    if seen.log.plan is not None and seen.log.plan != draft.status.plan:
        _take_plan(draft, seen.log.plan)
    progress = seen.log.progress
    if progress is None:
        return
    known = draft.status.training or TrainingProgress()
    if progress != known.model_copy(update={"time": progress.time}):
        draft.set(training=progress.model_copy(update={"time": draft.now}))
    if progress.validation_dice is not None:
        draft.set(dice=progress.validation_dice)


def take_last_words(draft: Draft, launcher_pod: Pod | None) -> None:
    """Takes over the final figures: a log that was rotated may have lost them."""
    known = (draft.status.training or TrainingProgress()).model_dump()
    end = launcher_pod.exits.get("launch") if launcher_pod else None
    if end is not None:
        said = end.message
        last = {
            "epoch": said.epoch,
            "epochs": said.epochs,
            "loss": said.loss,
            "validation_dice": said.validation_dice,
        }
        known |= {key: value for key, value in last.items() if value is not None}
    known |= {"eta": None, "stage": None, "step": None, "time": draft.now}
    progress = TrainingProgress.model_validate(known)
    dice = progress.validation_dice if progress.validation_dice is not None else draft.status.dice
    draft.set(training=progress, dice=dice)


def _take_plan(draft: Draft, plan: Plan) -> None:
    if draft.status.plan is None:
        draft.tell(
            "Normal",
            "Planned",
            f"patch {plan.patch_size}, batch {plan.batch_size} per rank, "
            f"{plan.global_batch_size} in all, {plan.precision}",
        )
    draft.set(plan=plan)
