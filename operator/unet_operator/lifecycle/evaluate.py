"""The evaluation: shards, then the report whose termination message is the score."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.api.status import Logs
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.failure.failed_job import job_failure
from unet_operator.failure.pods_not_running import why_not_running
from unet_operator.lifecycle import message
from unet_operator.lifecycle.actions import CreateEvaluate, CreateReport
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.end import complete, fail
from unet_operator.lifecycle.score import take_score
from unet_operator.observe.objects import Job, Observed


def evaluate(draft: Draft, training: UNetTraining, seen: Observed) -> None:
    """Brings the evaluation one step on; completes the training at its end."""
    if not training.spec.evaluation.enabled:
        complete(draft, "Trained", message.TRAINED_ONLY)
        return
    round_ = training.spec.evaluation.round
    draft.set(evaluation_round=round_)
    shards = seen.jobs.get(names.evaluate(training.name, round_))
    report = seen.jobs.get(names.report(training.name, round_))
    if report is not None:
        _await_report(draft, training, seen, report)
    elif shards is None:
        draft.do(CreateEvaluate(round_))
        begin_round(draft, training)
    elif shards.complete:
        draft.do(CreateReport(round_))
        draft.say(message.REPORTING)
        draft.wake(LOOK_SECONDS)
    elif shards.failed:
        _fail(draft, seen, "evaluate", round_, shards.failed)
    else:
        _await_shards(draft, seen, shards, round_)


def begin_round(draft: Draft, training: UNetTraining) -> None:
    """Writes which evaluation is under way, and where its table will be."""
    round_ = training.spec.evaluation.round
    _under_way(draft, round_)
    logs = draft.status.logs or Logs()
    results = f"job/{names.report(training.name, round_)}"
    draft.set(
        evaluation_round=round_,
        logs=logs.model_copy(update={"results": results}),
    )
    draft.wake(LOOK_SECONDS)


def _await_shards(draft: Draft, seen: Observed, shards: Job, round_: int) -> None:
    obstacle = why_not_running(seen, seen.of("evaluate", round_), shards, draft.now)
    leaving = any(not pod.ended for pod in seen.of("worker", draft.status.attempt))
    # Until the workers have left, want of room is no news.
    if obstacle is not None and not (leaving and obstacle.reason == "Unschedulable"):
        draft.wait_for(obstacle, "Evaluated")
    else:
        _under_way(draft, round_)
    draft.wake(LOOK_SECONDS)


def _await_report(draft: Draft, training: UNetTraining, seen: Observed, report: Job) -> None:
    round_ = training.spec.evaluation.round
    if report.failed:
        _fail(draft, seen, "report", round_, report.failed)
        return
    if not report.complete:
        obstacle = why_not_running(seen, seen.of("report", round_), report, draft.now)
        if obstacle is not None:
            draft.wait_for(obstacle, "Evaluated")
        draft.wake(LOOK_SECONDS)
        return
    words = take_score(draft, training, seen)
    draft.condition("Evaluated", True, "Evaluated", words)
    complete(draft, "Succeeded", words)


def _under_way(draft: Draft, round_: int) -> None:
    draft.condition("Evaluated", False, "Evaluating", f"evaluation {round_} is under way")
    draft.say(message.EVALUATING)


def _fail(draft: Draft, seen: Observed, role: str, round_: int, job_message: str) -> None:
    failure = job_failure(seen, role, round_, job_message)
    draft.condition("Evaluated", False, failure.reason, failure.message)
    fail(draft, "EvaluationFailed", message.evaluation_failed(failure))
