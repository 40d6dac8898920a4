"""The score: read from the report's termination message."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import EvaluationResult
from unet_operator.lifecycle import message
from unet_operator.lifecycle.draft import Draft
from unet_operator.observe.objects import Observed


def take_score(draft: Draft, training: UNetTraining, seen: Observed) -> str:
    """Takes over the score of the present round.

    Returns:
        The line that tells it, or where to find it when the report's pod is gone.
    """
    round_ = training.spec.evaluation.round
    ends = [pod.exits["report"] for pod in seen.of("report", round_) if "report" in pod.exits]
    said = next((end.message for end in ends if end.code == 0), None)
    folder = pod_paths.evaluation_folder(training.name, training.meta.uid, round_)
    folder = folder.removeprefix(f"{pod_paths.OUTPUT}/")
    if said is None or said.mean_dice is None:
        draft.set(evaluation=EvaluationResult(round=round_, report=f"{folder}/report.html"))
        return message.evaluated_unread(folder)
    draft.set(
        dice=said.mean_dice,
        evaluation=EvaluationResult(
            round=round_,
            cases=said.cases,
            mean_dice=said.mean_dice,
            mean_dice_interval=said.mean_dice_interval,
            dice_per_region=said.dice_per_region or None,
            hd95=said.hd95,
            report=f"{folder}/{said.report or 'report.html'}",
        ),
    )
    return message.evaluated(said.mean_dice, said.cases, names.report(training.name, round_))
