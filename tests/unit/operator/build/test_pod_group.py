"""The gang."""

from __future__ import annotations

from support.operator.built import context, pod_spec
from support.operator.making import training
from unet_operator.build.pod_group import pod_group
from unet_operator.build.workers_job import workers_job


def test_the_gang_counts_workers_only():
    group = pod_group(training(), 1, 2)
    assert group["spec"]["schedulingPolicy"]["gang"]["minCount"] == 2
    linked = pod_spec(workers_job(context(), 1, 2, gang=True))["schedulingGroup"]
    assert linked == {"podGroupName": group["metadata"]["name"]}
    assert "schedulingGroup" not in pod_spec(workers_job(context(), 1, 2, gang=False))
