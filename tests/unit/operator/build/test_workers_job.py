"""The workers: one Indexed Job."""

from __future__ import annotations

from support.operator.built import containers, context, pod_spec
from unet_operator.build.workers_job import workers_job


def test_workers_are_one_indexed_job_that_never_replaces_a_pod():
    spec = workers_job(context(), 1, 2, gang=True)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert spec["backoffLimit"] == 0
    assert spec["podReplacementPolicy"] == "Failed"
    assert {rule["action"] for rule in spec["podFailurePolicy"]["rules"]} == {"FailJob"}


def test_a_folder_inside_the_volume_is_mounted_by_itself():
    subject = context(dataset={"volume": {"claimName": "msd", "subPath": "a/b"}})
    (mount,) = [
        m
        for m in containers(workers_job(subject, 1, 2, gang=False))[0]["volumeMounts"]
        if m["name"] == "data"
    ]
    assert mount["subPath"] == "a/b"


def test_worker_pods_spread_where_possible_and_only_if_asked_to():
    assert "topologySpreadConstraints" not in pod_spec(workers_job(context(), 1, 2, gang=True))
    subject = context(workers={"topologyKey": "kubernetes.io/hostname"})
    (spread,) = pod_spec(workers_job(subject, 2, 2, gang=False))["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"] == subject.labels("worker", 2)
