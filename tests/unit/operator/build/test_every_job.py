"""What holds for every pod, above all that Pod Security `restricted` lets it pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.operator.built import SOURCE, all_jobs, containers, context, pod_spec
from support.operator.making import NAME, NAMESPACE, UID
from unet_operator.api.labels import LABEL_MANAGED, LABEL_NAME, LABEL_ROLE, MANAGED_BY
from unet_operator.build.config_map import config_map

JOBS = all_jobs(context(dataset=SOURCE))


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["metadata"]["name"])
class TestEveryJob:
    """What holds for every pod."""

    def test_passes_pod_security_restricted(self, job):
        spec = pod_spec(job)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for box in containers(job):
            assert box["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        allowed = {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}
        for volume in spec["volumes"]:
            assert set(volume) - {"name"} <= allowed

    def test_carries_no_token(self, job):
        assert pod_spec(job)["automountServiceAccountToken"] is False

    def test_is_owned_by_the_training(self, job):
        (owner,) = job["metadata"]["ownerReferences"]
        assert (owner["name"], owner["uid"], owner["controller"]) == (NAME, UID, True)
        assert job["metadata"]["namespace"] == NAMESPACE

    def test_its_pods_are_found_by_our_selector(self, job):
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert labels == job["metadata"]["labels"]
        assert labels[LABEL_MANAGED] == MANAGED_BY
        assert labels[LABEL_NAME] == NAME

    def test_has_no_way_out_of_its_container(self, job):
        spec = pod_spec(job)
        forbidden = {
            "hostNetwork",
            "hostPID",
            "hostIPC",
            "hostUsers",
            "serviceAccountName",
            "nodeName",
            "shareProcessNamespace",
        }
        assert not forbidden & set(spec)
        for box in containers(job):
            assert not {"command", "lifecycle", "stdin"} & set(box)
            for port in box.get("ports", []):
                assert "hostPort" not in port

    def test_writes_only_where_something_is_mounted_for_it(self, job):
        for box in containers(job):
            paths = {mount["mountPath"] for mount in box["volumeMounts"]}
            assert {"/home", "/tmp"} <= paths
            assert len(paths) == len(box["volumeMounts"]), "two mounts at one path"

    def test_says_its_last_words_though_the_image_does_not(self, job):
        for box in containers(job):
            assert box["terminationMessagePolicy"] == "FallbackToLogsOnError"

    def test_has_time_to_checkpoint(self, job):
        assert pod_spec(job)["terminationGracePeriodSeconds"] == 120
        assert pod_spec(job)["restartPolicy"] == "Never"

    def test_mounts_only_volumes_that_it_has(self, job):
        names_ = [volume["name"] for volume in pod_spec(job)["volumes"]]
        there = set(names_)
        assert len(names_) == len(there)
        for box in containers(job):
            assert {mount["name"] for mount in box["volumeMounts"]} <= there

    def test_uses_the_image_s_entry_point(self, job):
        for box in containers(job):
            assert "command" not in box
            assert box["args"][0] == box["name"]

    def test_leaves_a_silent_node_after_thirty_seconds(self, job):
        taints = {t["key"]: t["tolerationSeconds"] for t in pod_spec(job)["tolerations"]}
        assert taints == {
            "node.kubernetes.io/not-ready": 30,
            "node.kubernetes.io/unreachable": 30,
        }

    def test_has_a_name_that_fits(self, job):
        assert len(job["metadata"]["name"]) <= 63


def test_the_data_is_read_only_for_all_but_staging():
    for job in JOBS:
        for box in containers(job):
            for mount in box["volumeMounts"]:
                if mount["name"] == "data":
                    assert mount["readOnly"] is (box["name"] != "stage")


def test_every_pod_gets_the_registrys_secrets_of_spec_and_installation_once():
    own = {"imagePullSecrets": ["keys", "mine"]}
    subject = replace(context(dataset=SOURCE, pods=own), pull_secrets=("tcr", "keys"))
    for job in all_jobs(subject):
        names = [secret["name"] for secret in pod_spec(job)["imagePullSecrets"]]
        assert names == ["keys", "mine", "tcr"]


def test_where_pods_may_run_is_said_to_every_pod_and_affinity_to_workers():
    affinity = {"nodeAffinity": {"x": 1}}
    subject = context(
        dataset=SOURCE,
        workers={
            "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "eklet", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": affinity,
        },
        pods={
            "imagePullSecrets": ["keys"],
            "priorityClassName": "training",
            "annotations": {"a": "b"},
            "runAsUser": 1000,
            "fsGroup": 2000,
        },
    )
    for job in all_jobs(subject):
        spec = pod_spec(job)
        assert spec["nodeSelector"] == {"zone": "a"}
        assert {"key": "eklet", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
        assert spec["imagePullSecrets"] == [{"name": "keys"}]
        assert spec["priorityClassName"] == "training"
        assert job["spec"]["template"]["metadata"]["annotations"]["a"] == "b"
        security = spec["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (
            1000,
            2000,
            2000,
        )
        is_worker = job["metadata"]["labels"][LABEL_ROLE] == "worker"
        assert spec.get("affinity") == (affinity if is_worker else None)


def test_the_same_training_is_built_the_same_way_twice():
    """Else an action done again would fight with itself."""
    subject = context(
        dataset=SOURCE,
        pods={"env": [{"name": n, "value": "1"} for n in "ZAMB"]},
        mpi={"env": [{"name": n, "value": "2"} for n in "QAZ"], "args": ["-a", "-b"]},
    )
    assert all_jobs(subject) == all_jobs(subject)
    assert config_map(subject, 1, 2) == config_map(subject, 1, 2)


def test_one_claim_for_data_and_output_is_one_volume_mounted_twice():
    for job in all_jobs(context(dataset=SOURCE, output={"claimName": "msd"})):
        claims = [v for v in pod_spec(job)["volumes"] if "persistentVolumeClaim" in v]
        assert [v["persistentVolumeClaim"]["claimName"] for v in claims] == ["msd"]
        names_ = {volume["name"] for volume in pod_spec(job)["volumes"]}
        for box in containers(job):
            mounts = {m["mountPath"]: m for m in box["volumeMounts"]}
            assert {m["name"] for m in mounts.values()} <= names_
            if box["name"] in ("worker", "launch", "evaluate", "report"):
                assert mounts["/data"]["readOnly"] is True
                assert "readOnly" not in mounts["/output"]
