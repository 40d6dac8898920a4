"""What the unit tests' small API server promises, the real one keeps.

And what decisions take for granted of Jobs: `tests/unit/operator/world.py` says the same of
the Jobs it plays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from support.cluster_fixtures import BUSYBOX, Kubectl
from support.hand_node import Api, HandNode
from support.operator.making import training
from support.operator.statements import STATEMENTS
from unet_operator.api import names
from unet_operator.build.config_map import config_map
from unet_operator.build.context import Context
from unet_operator.build.evaluation_job import evaluation_job
from unet_operator.build.job import RETRY_CRASHES
from unet_operator.build.launcher_job import launcher_job
from unet_operator.build.network_policy import network_policy
from unet_operator.build.output_claim import output_claim
from unet_operator.build.pod_group import pod_group
from unet_operator.build.report_job import report_job
from unet_operator.build.service import service
from unet_operator.build.ssh_secret import ssh_secret
from unet_operator.build.staging_job import staging_job
from unet_operator.build.workers_job import workers_job
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import JOBS, POD_GROUPS, Kind
from unet_operator.observe.objects import Job, Pod
from unet_operator.observe.parse import parse_job, parse_pod

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


@pytest.mark.parametrize("changes", [{}, FULL], ids=["smallest", "full"])
@pytest.mark.parametrize("number", range(10))
def test_what_is_built_is_valid_and_passes_pod_security(kubectl, namespace, changes, number):
    """Strictly: no unknown field, no warning of Pod Security's level restricted."""
    body = children(**changes)[number]
    body["metadata"]["namespace"] = namespace.namespace
    # Priority classes of the system are for its own namespaces.
    template = body["spec"].get("template") if "spec" in body else None
    if template:
        template["spec"].pop("priorityClassName", None)
    text = json.dumps(body)
    namespace(
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
def test_the_longest_name_makes_valid_children_in_the_last_attempt_and_round(namespace, make):
    """The API server checks the host name of an Indexed Job's last pod."""
    subject = training(**{**FULL, "pods": {}})
    meta = subject.meta.model_copy(update={"name": "a" * names.MAX_NAME})
    body = make(Context(replace(subject, meta=meta), BUSYBOX))
    body["metadata"]["namespace"] = namespace.namespace
    namespace("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(body))


def test_the_gang_is_valid_where_the_api_is_on(api: Api, namespace: Kubectl):
    if not api(api.cluster.serves(POD_GROUPS)):
        pytest.skip("this cluster does not serve scheduling.k8s.io/v1beta1 PodGroup")
    body = pod_group(training(), 1, 2)
    body["metadata"]["namespace"] = namespace.namespace
    namespace("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(body))


def test_the_claim_to_create_is_valid(namespace: Kubectl):
    template = {"claimName": None, "volumeClaimTemplate": {"size": 10_000_000_000}}
    body = output_claim(training(output=template))
    body["metadata"]["namespace"] = namespace.namespace
    namespace("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(body))


def test_a_kind_that_nobody_serves_is_not_served(api: Api):
    assert not api(api.cluster.serves(Kind("unet.dev/v9", "unettrainings")))
    assert api(api.cluster.serves(JOBS))


@dataclass
class Yard:
    """A namespace with a hand node."""

    kubectl: Kubectl
    node: HandNode
    api: Api

    def make(self, name: str, **spec: object) -> None:
        """A Job of two pods, as the workers' is, that goes to the hand node."""
        subject = training(
            workers={
                "nodeSelector": self.node.selector,
                "tolerations": self.node.tolerations,
                "resources": {"requests": {}, "limits": {}},
            },
        )
        body = workers_job(Context(subject, BUSYBOX), 1, 2, gang=False)
        body["metadata"] = {"name": name, "namespace": self.kubectl.namespace}
        pod = body["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": v["name"], "emptyDir": {}} for v in pod["volumes"]]
        body["spec"] |= spec
        self.api(self.api.cluster.create(JOBS, self.kubectl.namespace, body))

    def job(self, name: str) -> Job:
        """The Job as the operator sees it."""
        return parse_job(self.kubectl.get("job", name))

    def pods(self, name: str) -> list[Pod]:
        """Its pods, as the operator sees them."""
        found = self.kubectl.get("pods", "-l", f"job-name={name}")["items"]
        return sorted((parse_pod(body) for body in found), key=lambda p: p.index)

    def running(self, name: str) -> list[Pod]:
        """Waits until both pods run."""
        self.kubectl.wait_until(
            "two pods are placed", lambda: sum(p.scheduled for p in self.pods(name)) == 2
        )
        for pod in self.pods(name):
            self.node.run(self.kubectl.namespace, pod.name)
        return self.pods(name)

    def suspend(self, name: str, uid: str, suspend: bool = True) -> None:
        """Suspends as `act` does."""
        body = {"metadata": {"uid": uid}, "spec": {"suspend": suspend}}
        self.api(self.api.cluster.patch(JOBS, self.kubectl.namespace, name, body))


@pytest.fixture
def yard(api: Api, namespace: Kubectl, node: HandNode) -> Iterator[Yard]:
    """A fresh namespace with the hand node."""
    return Yard(namespace, node, api)


def test_a_job_without_retries_fails_with_its_first_pod_and_sweeps_up_the_rest(yard: Yard):
    yard.make("first")
    one, two = yard.running("first")
    yard.node.end(yard.kubectl.namespace, one.name, 1)
    yard.kubectl.wait_until("the Job says that it fails", lambda: yard.job("first").failed)
    yard.kubectl.wait_until(
        "the other pod is swept up",
        lambda: two.name not in {p.name for p in yard.pods("first") if not p.ended},
    )
    assert {p.index for p in yard.pods("first")} <= {0, 1}, "no pod was replaced"


def test_suspending_ends_the_pods_of_an_attempt(yard: Yard):
    yard.make("ends")
    yard.running("ends")
    yard.suspend("ends", yard.job("ends").uid)
    yard.kubectl.wait_until("none is live", lambda: all(p.ended for p in yard.pods("ends")))
    yard.kubectl.wait_until("the Job has seen it", lambda: yard.job("ends").active == 0)
    # Whether it has failed by it depends on whom the Job controller looks at first.
    assert yard.job("ends").suspended


def test_what_is_tried_again_is_suspended_and_resumed_without_counting_a_failure(yard: Yard):
    yard.make("rests", podFailurePolicy=RETRY_CRASHES, backoffLimit=0)
    for _ in range(2):
        yard.running("rests")
        yard.suspend("rests", yard.job("rests").uid)
        yard.kubectl.wait_until("its pods have gone", lambda: yard.pods("rests") == [])
        found = yard.job("rests")
        assert (found.suspended, found.failed, found.active) == (True, "", 0)
        yard.suspend("rests", found.uid, suspend=False)
    yard.kubectl.wait_until("they come again", lambda: len(yard.pods("rests")) == 2)


def test_another_uid_suspends_nothing(yard: Yard):
    yard.make("guarded")
    with pytest.raises(ApiError) as told:
        yard.suspend("guarded", "11111111-2222-3333-4444-555555555555")
    assert told.value.status == 422
    assert not yard.job("guarded").suspended


def test_a_finished_job_is_left_in_peace(yard: Yard):
    """Whatever the API server says of it, nothing runs again and nothing is undone."""
    yard.make("done")
    for pod in yard.running("done"):
        yard.node.end(yard.kubectl.namespace, pod.name, 0)
    yard.kubectl.wait_until("the Job is complete", lambda: yard.job("done").complete)
    before = yard.job("done")
    try:
        yard.suspend("done", before.uid)
    except ApiError as error:
        assert error.status in (409, 422)  # noqa: PT017 - act takes both for an answer
    assert yard.job("done").complete


def test_a_pod_that_is_going_is_in_no_condition_of_its_job(yard: Yard):
    """So losses are read from pods: the Job says nothing while a pod's grace runs."""
    yard.make("losing")
    one, _ = yard.running("losing")
    yard.node.answers = False
    try:
        yard.kubectl("delete", "pod", one.name, "--wait=false")
        yard.kubectl.wait_until(
            "the pod is told to go",
            lambda: any(p.deleting_until for p in yard.pods("losing") if p.name == one.name),
        )
        assert yard.job("losing").failed == ""
    finally:
        yard.node.answers = True
    yard.kubectl.wait_until("then the Job fails", lambda: yard.job("losing").failed)


def test_an_evicted_pod_carries_its_reason(yard: Yard):
    yard.make("drained")
    one, _ = yard.running("drained")
    yard.node.answers = False
    try:
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": one.name, "namespace": yard.kubectl.namespace},
        }
        path = f"/api/v1/namespaces/{yard.kubectl.namespace}/pods/{one.name}/eviction"
        yard.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
        yard.kubectl.wait_until(
            "it says why",
            lambda: any(p.disruption == "EvictionByEvictionAPI" for p in yard.pods("drained")),
        )
    finally:
        yard.node.answers = True


def test_a_pod_with_no_room_says_so(yard: Yard):
    yard.make("crowded")
    body = yard.kubectl.get("job", "crowded")
    template = body["spec"]["template"]
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500"}}
    huge = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "huge"},
        "spec": {"template": {"spec": template["spec"]}, "backoffLimit": 0},
    }
    yard.kubectl.apply(huge)

    def told() -> bool:
        found = yard.kubectl.get("pods", "-l", "job-name=huge")["items"]
        return any("Insufficient cpu" in parse_pod(body).unschedulable for body in found)

    yard.kubectl.wait_until("the scheduler says why", told)
