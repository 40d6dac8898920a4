"""Bad input, put to the operator's own process: cause and remedy in condition, event, message.

What the schema refuses is in test_constraints.py.
"""

from __future__ import annotations

import json

import pytest
from support.cluster_fixtures import claim, restricted_pod

pytestmark = pytest.mark.integration


def told(ground, name: str, kind: str, reason: str, *words: str) -> dict:
    """Waits for the condition, and finds the same in message and events, once."""
    condition = ground.until(name, kind, reason)
    assert condition["status"] == "False"
    for word in words:
        assert word in condition["message"], condition["message"]
    ground.kubectl.wait_until(
        f"an event says {reason}",
        lambda: reason in [event["reason"] for event in ground.events(name)],
    )
    events = [event for event in ground.events(name) if event["reason"] == reason]
    assert len(events) == 1, [event["message"] for event in events]
    assert events[0]["type"] == "Warning"
    status = ground.status(name)
    assert status["message"]
    return status


def drop(ground, name: str) -> None:
    """Deletes a training; what it owned follows by itself."""
    ground.kubectl("delete", "unettraining", name, "--wait=false")


def test_a_claim_that_is_not_there_and_then_comes(ground, operator):
    ground.apply("noclaim", dataset={"volume": {"claimName": "absent"}})
    status = told(
        ground,
        "noclaim",
        "Accepted",
        "ClaimNotFound",
        "spec.dataset.volume.claimName",
        "PersistentVolumeClaim absent",
        "create it",
    )
    assert status["phase"] == "Pending"
    assert not ground.kubectl.get("jobs", "-l", "unet.dev/training=noclaim")["items"]
    ground.kubectl.apply(claim("absent", shared=True))
    ground.until("noclaim", "Accepted", "Accepted")
    drop(ground, "noclaim")


def test_a_claim_of_one_node_with_several_workers(ground, operator):
    ground.kubectl.apply(claim("onenode", shared=False))
    ground.apply("rwo", output={"claimName": "onenode"})
    status = told(
        ground,
        "rwo",
        "Accepted",
        "ClaimNotShareable",
        "spec.output.claimName",
        "ReadWriteOnce",
        "workers.replicas is 2",
        "CFS",
    )
    assert status["phase"] == "Pending"
    drop(ground, "rwo")


def test_an_image_that_cannot_be_pulled(ground, operator):
    ground.apply("noimage", node=False, image="unet.local/nobody:9")
    status = told(
        ground,
        "noimage",
        "WorkersReady",
        "ImagePullFailed",
        "unet.local/nobody:9",
        "spec.image",
        "pods.imagePullSecrets",
    )
    assert status["phase"] == "Starting"
    drop(ground, "noimage")


def test_workers_that_fit_nowhere(ground, operator):
    huge = {"requests": {"cpu": "4000"}, "limits": {}}
    ground.apply("huge", workers={"resources": huge})
    status = told(
        ground,
        "huge",
        "WorkersReady",
        "Unschedulable",
        "finds no node",
        "Insufficient cpu",
        "lower resources",
        "workers.minReplicas",
    )
    assert status["phase"] == "Starting"
    assert status["workers"] == "0/2"
    drop(ground, "huge")


def test_a_quota_without_room_for_jobs(ground, operator):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "nojobs"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    ground.kubectl.apply(quota)
    ground.kubectl.wait_until(
        "the quota counts",
        lambda: "hard" in ground.kubectl.get("resourcequota", "nojobs").get("status", {}),
    )
    ground.apply("nojobs")
    told(
        ground,
        "nojobs",
        "WorkersReady",
        "QuotaExceeded",
        "Job nojobs-worker-1",
        "exceeded quota",
        "raise the ResourceQuota",
    )
    ground.kubectl("delete", "resourcequota", "nojobs")
    ground.kubectl.wait_until(
        "the next try is let through", lambda: ground.kubectl.exists("job", "nojobs-worker-1"), 120
    )
    drop(ground, "nojobs")


def test_a_quota_without_room_for_pods(ground, operator):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "nopods"},
        "spec": {"hard": {"pods": "0"}},
    }
    ground.kubectl.apply(quota)
    ground.kubectl.wait_until(
        "the quota counts",
        lambda: "hard" in ground.kubectl.get("resourcequota", "nopods").get("status", {}),
    )
    ground.apply("nopods")
    told(
        ground,
        "nopods",
        "WorkersReady",
        "QuotaExceeded",
        "Job nopods-worker-1 may not create its pods",
        "exceeded quota",
    )
    ground.kubectl("delete", "resourcequota", "nopods")
    drop(ground, "nopods")


def test_pods_that_a_policy_of_the_cluster_denies(ground, operator):
    """Pod Security itself lets our pods pass: the namespace enforces its strictest level."""
    name = f"deny-{ground.namespace}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods"],
                    }
                ]
            },
            "validations": [{"expression": "false", "message": "no pods on Sundays"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": ground.namespace}
                }
            },
        },
    }
    probe = restricted_pod("probe", "true")
    ground.kubectl.apply(policy, binding)
    try:
        ground.kubectl.wait_until("the policy denies", lambda: _denied(ground, probe))
        ground.apply("denied")
        told(ground, "denied", "WorkersReady", "PodsNotCreated", "no pods on Sundays")
    finally:
        ground.kubectl("delete", "validatingadmissionpolicybinding", name)
        ground.kubectl("delete", "validatingadmissionpolicy", name)
    drop(ground, "denied")


def _denied(ground, probe: dict) -> bool:
    try:
        ground.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(probe))
    except AssertionError as refused:
        return "no pods on Sundays" in str(refused)
    return False


def foreign(training: str) -> dict[str, dict]:
    """Objects of somebody else under names of ours."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
    return {
        "service": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{training}-mpi"},
            "spec": {"ports": [{"port": 80}]},
        },
        "configmap": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{training}-config-1"},
            "data": {"theirs": "yes"},
        },
        "job": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"{training}-worker-1"},
            "spec": {"suspend": True, "template": {"spec": pod}},
        },
    }


@pytest.mark.parametrize("kind", foreign(""))
def test_an_object_of_another_owner_under_our_name(ground, operator, kind):
    training = f"taken-{kind}"
    body = foreign(training)[kind]
    name = body["metadata"]["name"]
    ground.kubectl.apply(body)
    before = ground.kubectl.get(kind, name)
    ground.apply(training)
    told(
        ground,
        training,
        "WorkersReady",
        "NameTaken",
        f"{body['kind']} {name}",
        "has no owner",
        "another name",
    )
    after = ground.kubectl.get(kind, name)
    for part in ("spec", "data"):
        assert after.get(part) == before.get(part)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    drop(ground, training)


def test_a_claim_of_another_under_the_name_of_ours(ground, operator):
    ground.kubectl.apply(claim("mine-output", shared=True))
    template = {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}
    ground.apply("mine", output=template)
    told(
        ground,
        "mine",
        "Accepted",
        "NameTaken",
        "PersistentVolumeClaim mine-output",
        "spec.output.claimName",
    )
    assert not ground.kubectl.get("jobs", "-l", "unet.dev/training=mine")["items"]
    drop(ground, "mine")


def test_requests_above_their_limits(ground, operator):
    wrong = {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}
    ground.apply("above", workers={"resources": wrong})
    told(
        ground,
        "above",
        "WorkersReady",
        "Rejected",
        "Job above-worker-1",
        "must be less than or equal to memory limit",
    )
    drop(ground, "above")


def test_an_affinity_that_is_none(ground, operator):
    wrong = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": "all"}}
    ground.apply("skewed", workers={"affinity": {"nodeAffinity": wrong}})
    told(ground, "skewed", "WorkersReady", "Rejected", "Job skewed-worker-1", "nodeSelectorTerms")
    drop(ground, "skewed")


def test_a_wrong_channel_name_ends_it_with_the_launcher_s_own_words(ground, operator):
    """Code 10 is final: nothing is tried again, whatever becomes of its Jobs."""
    ground.apply("channel", dataset={"channels": ["FLARE"]})
    ground.to_training("channel")
    said = {
        "kind": "train",
        "code": 10,
        "where": "--channels",
        "cause": "FLARE is not in modality",
        "remedy": "use one of FLAIR, T1w, t1gd, T2w",
    }
    ground.end("channel", "launcher", 10, said=said)
    status = ground.phase("channel", "Failed")
    assert status["message"] == (
        "--channels: FLARE is not in modality; use one of FLAIR, T1w, t1gd, T2w"
    )
    assert ground.condition("channel", "Failed")["reason"] == "BadData"
    assert ground.condition("channel", "DataReady")["status"] == "False"
    # Events follow the status that they tell of.
    ground.kubectl.wait_until(
        "its end is told",
        lambda: "BadData" in [event["reason"] for event in ground.events("channel")],
    )
    ground.kubectl.wait_until("the workers go", lambda: not ground.pods("channel", "worker"))
    ground.kubectl("delete", "job", "channel-worker-1", "channel-launcher-1")
    operator.kill()
    operator.start()
    ground.apply("after", dataset={"volume": {"claimName": "nowhere"}})
    ground.until("after", "Accepted", "ClaimNotFound")
    assert not ground.kubectl.get("jobs", "-l", "unet.dev/training=channel")["items"]
    assert ground.status("channel")["attempt"] == 1
    drop(ground, "channel")
    drop(ground, "after")


def test_what_stands_in_the_way_is_not_asked_after_all_the_time(ground, operator):
    """No hot loop: standing trouble costs a few reads a minute and no writes."""
    ground.apply("still", dataset={"volume": {"claimName": "nowhere"}})
    ground.until("still", "Accepted", "ClaimNotFound")
    ground.kubectl.wait_until("it is told", lambda: ground.events("still"))
    version = ground.kubectl.get("unettraining", "still")["metadata"]["resourceVersion"]
    reads = ("unet_operator_api_requests_total", {"resource": "persistentvolumeclaims"})
    first = operator.metric(reads[0], **reads[1])
    looks = operator.metric("unet_operator_reconcile_seconds_count")
    ground.kubectl.wait_until(
        "it has been looked at twice more",
        lambda: operator.metric("unet_operator_reconcile_seconds_count") >= looks + 2,
    )
    assert operator.metric(reads[0], **reads[1]) - first <= 10
    body = ground.kubectl.get("unettraining", "still")
    assert body["metadata"]["resourceVersion"] == version
    drop(ground, "still")
