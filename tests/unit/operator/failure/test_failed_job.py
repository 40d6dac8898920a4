"""A staging, evaluation or report Job is explained by its pod that failed."""

from __future__ import annotations

import pytest
from support.operator.making import ended, pod, seen
from unet_operator.failure.failed_job import job_failure


def shard(index: int, code: int, **said: object):
    """An evaluation pod that failed."""
    reason = said.pop("reason", "")
    return pod(
        "evaluate", 2, index, phase="Failed", exits={"evaluate": ended(code, reason=reason, **said)}
    )


@pytest.mark.parametrize(
    ("failed", "reason", "words"),
    [
        (shard(1, 1), "Crashed", "kubectl logs brain-evaluate-2-1"),
        (shard(1, 10, cause="damaged", where="case_3"), "BadData", "case_3: damaged"),
        (shard(1, 10, cause="damaged", remedy="drop it"), "BadData", "damaged; drop it"),
        (shard(1, 12), "DiskFull", "code 12"),
        (shard(1, 137, reason="OOMKilled"), "OutOfMemory", "evaluation.resources.limits.memory"),
        (shard(1, 14), "OutOfMemory", "evaluation.resources.limits.memory"),
    ],
)
def test_an_evaluation_s_failure_is_told_by_the_pod_that_failed(failed, reason, words):
    failure = job_failure(seen(shard(0, 0), failed), "evaluate", 2, "backoff")
    assert (failure.reason, failure.final) == (reason, True)
    assert failure.message.startswith("evaluate pod 1")
    assert words in failure.message


def test_without_a_failed_pod_the_job_s_words_are_told():
    failure = job_failure(seen(shard(0, 0)), "evaluate", 2, "backoff limit exceeded")
    assert failure.message == "backoff limit exceeded"


def test_a_pod_of_a_plain_job_is_named_by_its_role():
    bad = pod("stage", 0, phase="Failed", exits={"stage": ended(1, cause="404")})
    assert job_failure(seen(bad), "stage", 0, "x").message.startswith("the stage pod: 404")


def test_another_round_s_failure_is_not_this_one_s():
    assert job_failure(seen(shard(0, 10, cause="old")), "evaluate", 3, "new").message == "new"
