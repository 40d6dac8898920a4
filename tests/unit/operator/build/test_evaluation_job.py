"""The shards of an evaluation."""

from __future__ import annotations

from support.operator.built import containers, context
from support.operator.making import NAME, UID
from unet_operator.build.evaluation_job import evaluation_job


def test_shards_count_from_their_index():
    job = evaluation_job(context(evaluation={"parallelism": 4}), 2)
    assert containers(job)[0]["args"][-1] == "$(JOB_COMPLETION_INDEX)/4"
    assert job["spec"]["completions"] == 4
    assert f"/output/{NAME}-{UID[:8]}/evaluation-2" in containers(job)[0]["args"]


def test_overlays_can_be_left_out():
    job = evaluation_job(context(evaluation={"overlays": False}), 1)
    assert "--no-overlays" in containers(job)[0]["args"]
