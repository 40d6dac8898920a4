"""What the simulated cluster of the unit tests promises, the real one keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.cluster_fixtures import BUSYBOX, Kubectl, restricted_namespace
from support.hand_node import Api, HandNode
from support.operator.job_statements import JOB_STATEMENTS
from support.operator.making import training
from support.operator.statements import STATEMENTS
from support.real_yard import RealYard
from unet_operator.api import names
from unet_operator.build.config_map import config_map
from unet_operator.build.context import Context
from unet_operator.build.evaluation_job import evaluation_job
from unet_operator.build.launcher_job import launcher_job
from unet_operator.build.network_policy import network_policy
from unet_operator.build.output_claim import output_claim
from unet_operator.build.pod_group import pod_group
from unet_operator.build.report_job import report_job
from unet_operator.build.service import service
from unet_operator.build.ssh_secret import ssh_secret
from unet_operator.build.staging_job import staging_job
from unet_operator.build.workers_job import workers_job
from unet_operator.cluster.kinds import JOBS, POD_GROUPS, Kind

pytestmark = pytest.mark.integration

S3 = {"s3": {"uri": "s3://b/p", "endpoint": "https://cos.example.org", "secretName": "keys"}}


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.__name__)
def test_the_api_server_keeps(api: Api, namespace: Kubectl, statement):
    api(statement(api.cluster, namespace.namespace))


def children(**changes: dict) -> list[dict]:
    """One of every object that a training may own."""
    subject = Context(training(dataset={"source": S3}, **changes), BUSYBOX)
    return [
        service(subject.training),
        network_policy(subject.training),
        ssh_secret(subject.training, 1),
        config_map(subject, 1, 2),
        workers_job(subject, 1, 2, gang=False),
        launcher_job(subject, 1),
        launcher_job(Context(subject.training, BUSYBOX, one_node=True), 1),
        staging_job(subject),
        evaluation_job(subject, 1),
        report_job(subject, 1),
    ]


FULL = {
    "workers": {
        "replicas": 2,
        "slotsPerWorker": 8,
        "nodeSelector": {"a": "b"},
        "tolerations": [
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
            {"operator": "Exists"},
        ],
        "topologyKey": "kubernetes.io/hostname",
        "affinity": {"podAntiAffinity": {}},
        "resources": {"requests": {"cpu": "8", "memory": "4Gi"}, "limits": {"memory": "4Gi"}},
    },
    "pods": {
        "env": [{"name": "TZ", "value": "Asia/Shanghai"}],
        "annotations": {"example.com/a": "b"},
        "imagePullSecrets": ["keys"],
        "priorityClassName": "system-cluster-critical",
    },
    "mpi": {"env": [{"name": "I_MPI_DEBUG", "value": "5"}], "args": ["-print-rank-map"]},
    "evaluation": {"parallelism": 256, "round": 999, "overlays": False},
}


@pytest.fixture(scope="module")
def dry(kubectl: Kubectl) -> Iterator[Kubectl]:
    """The namespace of all that is only tried."""
    with restricted_namespace(kubectl) as inside:
        yield inside


@pytest.mark.parametrize("changes", [{}, FULL], ids=["smallest", "full"])
@pytest.mark.parametrize("number", range(10))
def test_what_is_built_is_valid_and_passes_pod_security(dry, changes, number):
    """Strictly: no unknown field, no warning of Pod Security's level restricted."""
    body = children(**changes)[number]
    body["metadata"]["namespace"] = dry.namespace
    # Priority classes of the system are for its own namespaces.
    template = body["spec"].get("template") if "spec" in body else None
    if template:
        template["spec"].pop("priorityClassName", None)
    text = json.dumps(body)
    dry(
        "create",
        "--dry-run=server",
        "--validate=strict",
        "--warnings-as-errors",
        "-f",
        "-",
        stdin=text,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda subject: workers_job(subject, 9999, 512, gang=False),
        lambda subject: launcher_job(subject, 9999),
        lambda subject: evaluation_job(subject, 999),
        lambda subject: report_job(subject, 999),
        lambda subject: service(subject.training),
        lambda subject: ssh_secret(subject.training, 9999),
        lambda subject: config_map(subject, 9999, 512),
    ],
    ids=["workers", "launcher", "shards", "report", "service", "keys", "configuration"],
)
def test_the_longest_name_makes_valid_children_in_the_last_attempt_and_round(dry, make):
    """The API server checks the host name of an Indexed Job's last pod."""
    subject = training(**{**FULL, "pods": {}})
    meta = subject.meta.model_copy(update={"name": "a" * names.MAX_NAME})
    body = make(Context(replace(subject, meta=meta), BUSYBOX))
    body["metadata"]["namespace"] = dry.namespace
    dry("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(body))


def test_the_gang_is_valid_where_the_api_is_on(api: Api, dry: Kubectl):
    if not api(api.cluster.serves(POD_GROUPS)):
        pytest.skip("this cluster does not serve scheduling.k8s.io/v1beta1 PodGroup")
    body = pod_group(training(), 1, 2)
    body["metadata"]["namespace"] = dry.namespace
    dry("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(body))


def test_the_claim_to_create_is_valid(dry: Kubectl):
    template = {"claimName": None, "volumeClaimTemplate": {"size": 10_000_000_000}}
    body = output_claim(training(output=template))
    body["metadata"]["namespace"] = dry.namespace
    dry("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(body))


def test_a_kind_that_nobody_serves_is_not_served(api: Api):
    assert not api(api.cluster.serves(Kind("unet.dev/v9", "unettrainings")))
    assert api(api.cluster.serves(JOBS))


@pytest.mark.parametrize("statement", JOB_STATEMENTS, ids=lambda s: s.__name__)
def test_the_job_controller_keeps(api: Api, namespace: Kubectl, node: HandNode, statement):
    statement(RealYard(api, node, namespace.namespace))
