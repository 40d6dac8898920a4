"""The words of status.message: the cause of the present state in one line.

Failures and obstacles bring their own line (failure/); what is said around them, and of all
that goes well, is here.
"""

from __future__ import annotations

from unet_operator.api.status import Status
from unet_operator.failure.failure import Failure

ACCEPTED = "the spec and its claims are in order"
STAGING = "fetching the data set"
WAITING_FOR_ANSWERS = "waiting for every worker's answer"
TRAINING = "training"
TRAINED = "the network is trained"
TRAINED_ONLY = "trained; evaluation.enabled is false"
EVALUATING = "evaluating the validation cases"
REPORTING = "writing the report"
SUSPENDING = "stopping: waiting for the checkpoint and the pods to end"
SUSPENDED = "suspended; set runPolicy.suspend to false to go on"
RESUMED = "resumed"


def attempt_starts(attempt: int) -> str:
    """Said when an attempt's number is written."""
    return f"attempt {attempt} starts"


def worker_lost(failure: Failure) -> str:
    """Said while the other ranks of an attempt still run."""
    return f"{failure.message}; waiting for the other ranks to end"


def next_attempt(failure: Failure, status: Status) -> str:
    """Said between two attempts: what ended the last one, and from where the next goes on."""
    follows = f"attempt {status.attempt + 1} {_resumes(status)}"
    return f"{failure.message}{_where(status)}; {follows}"


def no_retry(reason: str, failure: Failure, status: Status, name: str) -> str:
    """Said when an attempt's failure is the training's.

    Args:
        reason: reason of the condition Failed.
        failure: why the last attempt ended.
        status: with the failure counted.
        name: the training's name.
    """
    if reason == "BackoffLimitExceeded":
        return (
            f"{status.failures} failed attempts, the last: {failure.message}{_where(status)}; see "
            f"kubectl logs job/{name}-launcher-{status.attempt}"
        )
    if reason == "OutOfMemory":
        return (
            f"{failure.message}{_where(status)}, and batch and patch size are not reduced "
            "further; raise workers.resources.limits.memory or lower workers.slotsPerWorker"
        )
    return failure.message


def deadline_exceeded(phase: str | None, limit: int) -> str:
    """Said when runPolicy.activeDeadlineSeconds is over."""
    return (
        f"still {phase} after runPolicy.activeDeadlineSeconds ({limit} s); raise it, and "
        "runPolicy.retry to go on"
    )


def retried(number: int, status: Status) -> str:
    """Said when a failed training is taken up again."""
    if status.holds("Trained"):
        return f"retry {number}: the evaluation begins anew"
    if not status.attempt:
        return f"retry {number}"
    return f"retry {number}: attempt {status.attempt + 1} {_resumes(status)}"


def evaluation_failed(failure: Failure) -> str:
    """Said when shards or report failed."""
    return f"{failure.message}; then raise evaluation.round to evaluate once more"


def evaluated(mean_dice: float, cases: int | None, report_job: str) -> str:
    """Said when the score is known."""
    return f"mean Dice {mean_dice:.4f} over {cases} cases; kubectl logs job/{report_job}"


def evaluated_unread(folder: str) -> str:
    """Said when the report is written but its last words are lost."""
    return f"evaluated; its score could not be read here: see {folder}/report.html"


def _where(status: Status) -> str:
    progress = status.training
    return f" at epoch {progress.epoch}" if progress and progress.epoch else ""


def _resumes(status: Status) -> str:
    saved, less = status.checkpoint_epoch, status.reduced
    start = f"resumes from epoch {saved}" if saved else "starts"
    if less is None:
        return start
    sizes = [f"batch {less.batch_size}"] if less.batch_size else []
    sizes += [f"patch {less.patch_size}"] if less.patch_size else []
    return f"{start} with {' and '.join(sizes)}"
