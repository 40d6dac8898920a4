"""Says before the first step what the time that is left buys."""

from __future__ import annotations

from unet.planning.settings import TrainSettings
from unet.planning.spending import wanted_steps, what_is_bought
from unet.system.progress import Reporter, short_duration
from unet.training.pipeline import TrainingData
from unet.training.position import Position
from unet.training.time_budget import TimeBudget


def say_budget(
    config: TrainSettings,
    data: TrainingData,
    budget: TimeBudget,
    position: Position,
    reporter: Reporter,
) -> None:
    """Prints `event=budget`, and a warning where it buys too little, or where all is done."""
    if position.epoch >= position.epochs:
        spent = f", and {short_duration(budget.seconds)} are used up" if budget.seconds else ""
        reporter.event(
            "warning",
            path=config.output,
            cause=f"{position.epoch} of {position.epochs} epochs are trained already{spent}",
            remedy="more with --epochs or a larger --time-budget, or anew with --resume never",
        )
        return
    if budget.seconds is None:
        return
    steps, used = position.steps_left, budget.time.elapsed()
    wanted = wanted_steps(len(data.split.training), data.plan.global_batch_size)
    reporter.event(
        "budget", seconds=round(budget.seconds), used=round(used, 1), steps=steps, wanted=wanted
    )
    missing = wanted - steps - position.global_step
    if missing > 0:
        enough = budget.that_buys(position.steps_left + missing)
        reporter.event(
            "warning",
            path=config.output,
            cause=what_is_bought(budget.seconds, steps, wanted),
            remedy=f"give at least --time-budget {short_duration(enough)}",
        )
