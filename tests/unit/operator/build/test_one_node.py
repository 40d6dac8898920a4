"""Claims of one node."""

from __future__ import annotations

import pytest
from support.operator.built import context, pod_spec
from support.operator.making import seen, training
from unet_operator.api.labels import LABEL_ROLE
from unet_operator.build.evaluation_job import evaluation_job
from unet_operator.build.launcher_job import launcher_job
from unet_operator.build.one_node import one_node
from unet_operator.observe.objects import Claim


def test_on_a_volume_of_one_node_the_launcher_joins_the_worker_and_there_is_one_shard():
    subject = context(one_node=True, workers={"replicas": 1}, evaluation={"parallelism": 4})
    terms = pod_spec(launcher_job(subject, 1))["affinity"]["podAffinity"]
    (term,) = terms["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"][LABEL_ROLE] == "worker"
    assert evaluation_job(subject, 1)["spec"]["completions"] == 1


RWX, RWO, ROX = "ReadWriteMany", "ReadWriteOnce", "ReadOnlyMany"


def template(mode: str) -> dict:
    """An output that is a claim to create."""
    return {"claimName": None, "volumeClaimTemplate": {"size": "1Gi", "accessMode": mode}}


def claim(name: str, *modes: str, exists: bool = True) -> Claim:
    """A claim, shared unless told otherwise."""
    return Claim(name, exists=exists, modes=modes or (RWX,))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([claim("msd"), claim("results")], False),
        ([claim("msd", RWO), claim("results")], True),
        ([claim("msd"), claim("results", RWO)], True),
        ([claim("msd", ROX), claim("results")], False),
        ([claim("msd", RWO, ROX), claim("results")], False),
        ([claim("msd"), claim("results", RWO, ROX)], True),
        ([claim("msd", exists=False), claim("results")], False),
        ([], False),
    ],
)
def test_pods_share_a_node_when_a_claim_has_only_one(there, expected):
    observed = seen(claims={claim.name: claim for claim in there})
    assert one_node(training(), observed) is expected


def test_pods_share_a_node_when_the_claim_to_create_will_have_only_one():
    assert one_node(training(output=template(RWO)), seen(claims={}))
    assert not one_node(training(output=template(RWX)), seen(claims={}))
