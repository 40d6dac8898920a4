"""Gangs are bound whole or not at all; admission and memory limits are enforced."""

import pytest
from support.cluster_fixtures import Kubectl, KubectlError, restricted_pod

pytestmark = pytest.mark.e2e

GANG_API = "scheduling.k8s.io/v1beta1"


@pytest.fixture
def gang(namespace: Kubectl) -> Kubectl:
    """A namespace in a cluster that schedules gangs."""
    if GANG_API not in namespace("api-versions").split():
        pytest.skip(f"this cluster does not serve {GANG_API}")
    return namespace


def pod_group(name: str, count: int) -> dict:
    """A gang of at least `count` pods."""
    return {
        "apiVersion": GANG_API,
        "kind": "PodGroup",
        "metadata": {"name": name},
        "spec": {"schedulingPolicy": {"gang": {"minCount": count}}},
    }


def members(group: str, count: int, cpu: str) -> list[dict]:
    """`count` pods of a gang."""
    return [
        restricted_pod(
            f"{group}-{index}",
            "exec sleep 3600",
            requests={"cpu": cpu},
            schedulingGroup={"podGroupName": group},
        )
        for index in range(count)
    ]


def scheduling(namespace: Kubectl) -> dict[str, str]:
    """Pod name → status of its PodScheduled condition."""
    return {
        item["metadata"]["name"]: condition["status"]
        for item in namespace.get("pods")["items"]
        for condition in item["status"].get("conditions", [])
        if condition["type"] == "PodScheduled"
    }


def test_a_gang_too_large_binds_no_pod(gang: Kubectl):
    nodes = gang.get("nodes", "-l", "type!=kwok")["items"]
    room = sum(int(node["status"]["allocatable"]["cpu"]) for node in nodes)
    gang.apply(pod_group("large", room + 1), *members("large", room + 1, "1"))
    gang.wait_until(
        "the scheduler has refused every member",
        lambda: list(scheduling(gang).values()) == ["False"] * (room + 1),
    )
    bound = [pod for pod in gang.get("pods")["items"] if pod["spec"].get("nodeName")]
    assert bound == []


def test_a_gang_that_fits_runs(gang: Kubectl):
    gang.apply(pod_group("small", 2), *members("small", 2, "10m"))
    gang("wait", "--for=condition=Ready", "pod", "--all", "--timeout=120s")


def test_a_pod_as_root_is_refused(namespace: Kubectl):
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        namespace.apply(restricted_pod("root", "true", user=0, hostNetwork=True))


def test_a_pod_beyond_its_memory_limit_is_killed_and_says_so(namespace: Kubectl):
    namespace.apply(restricted_pod("greedy", "exec tail /dev/zero", limits={"memory": "32Mi"}))
    namespace.wait_phase("greedy", "Failed")
    (container,) = namespace.get("pod", "greedy")["status"]["containerStatuses"]
    assert container["state"]["terminated"]["reason"] == "OOMKilled"
