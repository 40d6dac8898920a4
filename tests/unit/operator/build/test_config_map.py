"""The attempt's ConfigMap: hostfile and snapshot."""

from __future__ import annotations

import json

from support.operator.built import context, pod_spec
from support.operator.making import NAME
from unet_operator.api import names
from unet_operator.build.config_map import config_map, hostfile
from unet_operator.build.service import service
from unet_operator.build.workers_job import workers_job


def test_the_hostfile_spells_the_names_that_the_job_and_service_give():
    subject = context(workers={"replicas": 2, "slotsPerWorker": 4})
    assert hostfile(subject, 3, 2) == (
        f"{NAME}-worker-3-0.{NAME}-mpi:4\n{NAME}-worker-3-1.{NAME}-mpi:4\n"
    )
    assert pod_spec(workers_job(subject, 3, 2, gang=False))["subdomain"] == names.service(NAME)
    assert service(subject.training)["spec"]["publishNotReadyAddresses"] is True


def test_the_snapshot_of_the_spec_goes_with_the_attempt():
    made = config_map(context(training={"epochs": 7}), 1, 2)
    assert json.loads(made["data"]["spec.json"])["training"]["epochs"] == 7
    assert made["immutable"] is True
