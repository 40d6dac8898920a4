"""The evaluation: shards, then the report whose termination message is the score."""

from __future__ import annotations

from unet_operator.api import names, pod_paths
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import EvaluationResult, Logs
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.ended import shard_failure
from unet_operator.failure.waiting import trouble
from unet_operator.lifecycle.actions import CreateEvaluate, CreateReport
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.retry import fail
from unet_operator.observe.objects import Observed


def step(draft: Draft, training: UNetTraining, seen: Observed) -> bool:
    """Brings the evaluation one step on; completes the training at its end."""
    if not training.spec.evaluation.enabled:
        _complete(draft, "Trained", "trained; evaluation.enabled is false")
        return True
    round_ = training.spec.evaluation.round
    shards = seen.jobs.get(names.evaluate(training.name, round_))
    report = seen.jobs.get(names.report(training.name, round_))
    if report is not None:
        _report(draft, training, seen, round_)
    elif shards is None:
        draft.do(CreateEvaluate(round_))
        _begin(draft, training, round_)
    elif shards.complete:
        draft.do(CreateReport(round_))
        draft.say("writing the report")
        draft.wake(LOOK_SECONDS)
    elif shards.failed:
        _fail(draft, seen, "evaluate", round_, shards.failed)
    else:
        found = trouble(seen, seen.of("evaluate", round_), shards, draft.now)
        leaving = any(not pod.ended for pod in seen.of("worker", draft.status.attempt))
        # Until the workers have left, want of room is no news.
        if found is not None and not (leaving and found.reason == "Unschedulable"):
            draft.condition("Evaluated", False, found.reason, found.message, event="Warning")
            draft.say(found.message)
        else:
            draft.condition("Evaluated", False, "Evaluating", f"evaluation {round_} is under way")
            draft.say("evaluating the validation cases")
        draft.wake(LOOK_SECONDS)
    return True


def _begin(draft: Draft, training: UNetTraining, round_: int) -> None:
    draft.condition("Evaluated", False, "Evaluating", f"evaluation {round_} is under way")
    logs = draft.status.logs or Logs()
    results = f"job/{names.report(training.name, round_)}"
    draft.set(logs=logs.model_copy(update={"results": results}))
    draft.say("evaluating the validation cases")
    draft.wake(LOOK_SECONDS)


def _report(draft: Draft, training: UNetTraining, seen: Observed, round_: int) -> None:
    job = seen.jobs[names.report(training.name, round_)]
    if job.failed:
        _fail(draft, seen, "report", round_, job.failed)
        return
    if not job.complete:
        found = trouble(seen, seen.of("report", round_), job, draft.now)
        if found is not None:
            draft.condition("Evaluated", False, found.reason, found.message, event="Warning")
            draft.say(found.message)
        draft.wake(LOOK_SECONDS)
        return
    ends = [pod.exits["report"] for pod in seen.of("report", round_) if "report" in pod.exits]
    said = next((end.message for end in ends if end.code == 0), None)
    folder = pod_paths.evaluation_folder(training.name, training.meta.uid, round_)
    folder = folder.removeprefix(f"{pod_paths.OUTPUT}/")
    if said is None or said.mean_dice is None:
        message = f"evaluated; its score could not be read here: see {folder}/report.html"
        draft.set(evaluation=EvaluationResult(round=round_, report=f"{folder}/report.html"))
    else:
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
        message = (
            f"mean Dice {said.mean_dice:.4f} over {said.cases} cases; "
            f"kubectl logs job/{names.report(training.name, round_)}"
        )
    draft.condition("Evaluated", True, "Evaluated", message)
    _complete(draft, "Succeeded", message)


def _fail(draft: Draft, seen: Observed, role: str, round_: int, said: str) -> None:
    cause = shard_failure(seen, role, round_, said)
    draft.condition("Evaluated", False, cause.reason, cause.message)
    fail(
        draft,
        "EvaluationFailed",
        f"{cause.message}; then raise evaluation.round to evaluate once more",
    )


def _complete(draft: Draft, reason: str, message: str) -> None:
    draft.condition("Complete", True, reason, message, event="Normal")
    draft.set(completion_time=draft.now)
    draft.say(message)


def wanted_again(training: UNetTraining) -> bool:
    """Whether a trained network that has been evaluated is to be so once more."""
    asked, status = training.spec.evaluation, training.status
    if not (asked.enabled and status.holds("Trained")):
        return False
    last = status.evaluation.round if status.evaluation else None
    begun = status.logs.results if status.logs else None
    done = last or (int(begun.rsplit("-", 1)[1]) if begun else 0)
    return asked.round > done


def reopen(draft: Draft, training: UNetTraining) -> None:
    """Lifts the terminal conditions for a requested evaluation, the one thing that may."""
    round_ = training.spec.evaluation.round
    for kind in ("Complete", "Failed"):
        if draft.status.condition(kind) is not None:
            draft.condition(kind, False, "Reevaluating", f"evaluation {round_} was asked for")
    draft.set(completion_time=None, evaluation=None, start_time=draft.now)
    _begin(draft, training, round_)
    draft.wake(0)
