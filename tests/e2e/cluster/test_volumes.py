"""The two storage classes behave as network file systems and block devices do."""

import pytest
from support.cluster_fixtures import Kubectl, claim, real_nodes, restricted_pod

pytestmark = pytest.mark.e2e


def test_what_one_node_writes_to_a_shared_volume_another_reads(namespace: Kubectl):
    first, second, *_ = real_nodes(namespace)
    namespace.apply(
        claim("data", shared=True),
        restricted_pod(
            "writer", "echo written > /data/f", claims={"/data": "data"}, nodeName=first
        ),
    )
    namespace.wait_phase("writer", "Succeeded")
    namespace.apply(
        restricted_pod("reader", "cat /data/f", claims={"/data": "data"}, nodeName=second)
    )
    namespace.wait_phase("reader", "Succeeded")
    assert namespace("logs", "reader") == "written\n"


def test_a_single_node_volume_honours_fs_group(namespace: Kubectl):
    context = {
        "runAsNonRoot": True,
        "runAsUser": 23456,
        "fsGroup": 34567,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    namespace.apply(
        claim("disk", shared=False),
        restricted_pod(
            "writer",
            "touch /disk/f && stat -c '%u %g' /disk/f",
            claims={"/disk": "disk"},
            securityContext=context,
        ),
    )
    namespace.wait_phase("writer", "Succeeded")
    assert namespace("logs", "writer") == "23456 34567\n"


def test_a_single_node_volume_refuses_many_writers(namespace: Kubectl):
    many = claim("disk", shared=False)
    many["spec"]["accessModes"] = ["ReadWriteMany"]
    namespace.apply(many, restricted_pod("user", "true", claims={"/disk": "disk"}))

    def refused() -> bool:
        events = namespace.get("events", "--field-selector=reason=ProvisioningFailed")["items"]
        return any("ReadWriteOnce" in event["message"] for event in events)

    namespace.wait_until("provisioning is refused", refused)
    assert namespace.get("pvc", "disk")["status"]["phase"] == "Pending"
