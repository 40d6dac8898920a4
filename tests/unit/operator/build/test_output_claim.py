"""The claim to create."""

from __future__ import annotations

from support.operator.making import NAME, UID, training
from unet_operator.api.labels import LABEL_NAME
from unet_operator.build.output_claim import output_claim


def test_a_kept_claim_has_no_owner_and_a_passing_one_has():
    template = {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}
    kept = output_claim(training(output=template))
    assert "ownerReferences" not in kept["metadata"]
    passing = output_claim(training(output={**template, "retain": False}))
    assert passing["metadata"]["ownerReferences"][0]["uid"] == UID
    assert output_claim(training()) is None


def test_a_claim_to_create_asks_for_what_the_spec_says():
    made = output_claim(
        training(
            output={
                "claimName": None,
                "volumeClaimTemplate": {
                    "size": "5Gi",
                    "storageClassName": "cfs",
                    "accessMode": "ReadWriteOnce",
                },
            }
        )
    )
    assert made["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "5Gi"}},
        "storageClassName": "cfs",
    }
    assert made["metadata"]["labels"][LABEL_NAME] == NAME
    plain = output_claim(training(output={"claimName": None, "volumeClaimTemplate": {"size": 1}}))
    assert "storageClassName" not in plain["spec"], (
        "the cluster's default is another thing than none"
    )
