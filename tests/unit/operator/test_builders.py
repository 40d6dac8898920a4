"""What is built: names, commands, mounts, secrecy, and that every pod passes `restricted`."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from making import NAME, NAMESPACE, UID, training
from unet_operator import names
from unet_operator.build import config, evaluate, gang, launcher, network, ssh, stage, storage
from unet_operator.build.common import Context
from unet_operator.build.workers import workers
from unet_operator.status import Reduced, Status

SOURCE = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}


def context(status: Status | None = None, *, one_node: bool = False, **changes):
    """What builders take."""
    return Context(training(status, **changes), "image:1", one_node)


def all_jobs(subject: Context):
    """Every Job that a training may own."""
    return [
        workers(subject, 1, 2, gang=True),
        launcher.launcher(subject, 1, 2),
        evaluate.evaluate(subject, 1),
        evaluate.report(subject, 1),
        stage.stage(subject),
    ]


def pod_spec(job):
    """The pod's spec inside a Job."""
    return job["spec"]["template"]["spec"]


def boxes(job):
    """All containers of a Job's pod."""
    spec = pod_spec(job)
    return [*spec.get("initContainers", []), *spec["containers"]]


JOBS = all_jobs(context(dataset=SOURCE))


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["metadata"]["name"])
class TestEveryJob:
    """What holds for every pod."""

    def test_passes_pod_security_restricted(self, job):
        spec = pod_spec(job)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for box in boxes(job):
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
        assert labels[names.LABEL_MANAGED] == names.MANAGED_BY
        assert labels[names.LABEL_NAME] == NAME

    def test_mounts_only_volumes_that_it_has(self, job):
        there = {volume["name"] for volume in pod_spec(job)["volumes"]}
        for box in boxes(job):
            assert {mount["name"] for mount in box["volumeMounts"]} <= there

    def test_uses_the_image_s_entry_point(self, job):
        for box in boxes(job):
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


def mounted(job, name):
    """Keys of the Secret that a pod sees."""
    (volume,) = [v for v in pod_spec(job)["volumes"] if v["name"] == name]
    return {item["key"] for item in volume["secret"]["items"]}


def test_a_worker_never_sees_the_client_key():
    assert mounted(JOBS[0], "ssh") == {"ssh_host_ed25519_key", "authorized_keys"}


def test_the_launcher_never_sees_the_host_key():
    assert mounted(JOBS[1], "ssh") == {"id_ed25519", "known_hosts"}


@pytest.mark.parametrize("job", JOBS[2:], ids=lambda job: job["metadata"]["name"])
def test_no_other_pod_sees_any_key(job):
    assert not [v for v in pod_spec(job)["volumes"] if "secret" in v]


def files(secret):
    """A Secret's files as text."""
    return {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}


def test_the_keys_fit_each_other_and_the_host_key_is_pinned():
    secret = ssh.secret(training(), 3)
    text = files(secret)
    client = load_ssh_private_key(text["id_ed25519"].encode(), None)
    authorized = load_ssh_public_key(text["authorized_keys"].removeprefix("restrict ").encode())
    assert client.public_key() == authorized
    pattern, _, pinned = text["known_hosts"].partition(" ")
    host = load_ssh_private_key(text["ssh_host_ed25519_key"].encode(), None)
    assert host.public_key() == load_ssh_public_key(pinned.encode())
    assert pattern == f"[*.{NAME}-mpi]:2222"
    assert secret["immutable"] is True


def test_every_attempt_has_keys_of_its_own():
    assert files(ssh.secret(training(), 1)) != files(ssh.secret(training(), 1))


def test_the_secret_s_name_tells_whose_it_is():
    assert ssh.secret(training(), 2)["metadata"]["name"] == f"{NAME}-ssh-{UID[:8]}-2"


def test_workers_are_one_indexed_job_that_never_replaces_a_pod():
    spec = JOBS[0]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert spec["backoffLimit"] == 0
    assert spec["podReplacementPolicy"] == "Failed"
    assert {rule["action"] for rule in spec["podFailurePolicy"]["rules"]} == {"FailJob"}


def test_the_hostfile_spells_the_names_that_the_job_and_service_give():
    subject = context(workers={"replicas": 2, "slotsPerWorker": 4})
    assert config.hostfile(subject, 3, 2) == (
        f"{NAME}-worker-3-0.{NAME}-mpi:4\n{NAME}-worker-3-1.{NAME}-mpi:4\n"
    )
    assert pod_spec(workers(subject, 3, 2, gang=False))["subdomain"] == names.service(NAME)
    assert network.service(subject.training)["spec"]["publishNotReadyAddresses"] is True


def test_the_data_is_read_only_for_all_but_staging():
    for job in JOBS:
        for box in boxes(job):
            for mount in box["volumeMounts"]:
                if mount["name"] == "data":
                    assert mount["readOnly"] is (box["name"] != "stage")


def test_shared_memory_grows_with_the_ranks():
    sizes = [storage.shared_memory(n)[0]["emptyDir"]["sizeLimit"] for n in (1, 8, 64)]
    assert sizes == ["256Mi", "256Mi", "2048Mi"]


def launch_words(subject, attempt=1, replicas=2):
    """The launcher's arguments, parsed from the ConfigMap as the image does."""
    return json.loads(config.config_map(subject, attempt, replicas)["data"]["launch.json"])


def test_the_launcher_starts_a_rank_on_every_slot():
    words = launch_words(context(workers={"slotsPerWorker": 3}))
    assert words[words.index("--ranks") + 1] == "6"
    assert words[words.index("--ppn") + 1] == "3"


def test_what_is_left_to_the_plan_is_left_out():
    words = launch_words(context())
    assert not {"--batch-size", "--patch-size", "--precision", "--learning-rate"} & set(words)


def test_what_the_user_chose_is_passed_on():
    words = launch_words(
        context(
            dataset={"channels": ["FLAIR", "T1w"], "region": "whole-tumour"},
            training={
                "epochs": 7,
                "batchSize": 2,
                "patchSize": "64,64,64",
                "learningRate": 0.001,
                "precision": "float32",
                "extraArgs": ["--time-budget=5m"],
            },
            mpi={"args": ["-print-rank-map"], "env": [{"name": "I_MPI_DEBUG", "value": "5"}]},
        )
    )
    pairs = dict(itertools.pairwise(words))
    assert pairs["--channels"] == "FLAIR,T1w"
    assert pairs["--region"] == "whole-tumour"
    assert pairs["--epochs"] == "7"
    assert pairs["--batch-size"] == "2"
    assert pairs["--patch-size"] == "64,64,64"
    assert pairs["--learning-rate"] == "0.001"
    assert words[-1] == "--time-budget=5m"
    assert "--mpi-arg=-print-rank-map" in words[: words.index("--")]
    assert "--genv=I_MPI_DEBUG=5" in words[: words.index("--")]


def test_labels_are_passed_as_numbers():
    words = launch_words(context(dataset={"labels": [1, 3]}))
    assert words[words.index("--labels") + 1] == "1,3"


def test_after_a_lack_of_memory_the_reduced_sizes_win():
    status = Status(reduced=Reduced(batch_size=1, patch_size="64,64,64"))
    words = launch_words(context(status, training={"batchSize": 8, "patchSize": "128,128,128"}))
    pairs = dict(itertools.pairwise(words))
    assert (pairs["--batch-size"], pairs["--patch-size"]) == ("1", "64,64,64")


def test_a_shell_or_kubernetes_never_reads_the_user_s_words():
    nasty = "$(HOME); rm -rf / `id`"
    words = launch_words(context(training={"extraArgs": [nasty]}))
    assert words[-1] == nasty
    subject = context(pods={"env": [{"name": "X", "value": nasty}]})
    (variable,) = [v for v in boxes(launcher.launcher(subject, 1, 2))[1]["env"] if v["name"] == "X"]
    assert variable["value"].startswith("$$(HOME)")


def test_mpi_env_wins_over_pods_env_and_that_over_ours():
    subject = context(
        pods={"env": [{"name": "OMP_NUM_THREADS", "value": "2"}, {"name": "A", "value": "pod"}]},
        mpi={"env": [{"name": "A", "value": "mpi"}]},
    )
    found = config.rank_environment(subject, 2)
    assert (found["OMP_NUM_THREADS"], found["A"]) == ("2", "mpi")


@pytest.mark.parametrize(
    ("cpu", "slots", "threads"),
    [("8", 2, 4), (8, 2, 4), ("8", 3, 2), ("500m", 1, 1), ("3500m", 1, 3), ("1", 4, 1)],
)
def test_threads_are_the_whole_cores_of_a_rank(cpu, slots, threads):
    subject = context(
        workers={"slotsPerWorker": slots, "resources": {"limits": {"cpu": cpu}, "requests": {}}}
    )
    assert config.threads_per_rank(subject) == threads


def test_the_launch_stays_flat_above_sixteen_hosts():
    box = boxes(launcher.launcher(context(), 1, 40))[1]
    assert {"name": "I_MPI_HYDRA_BRANCH_COUNT", "value": "40"} in box["env"]


def test_on_a_volume_of_one_node_the_launcher_joins_the_worker_and_there_is_one_shard():
    subject = context(one_node=True, workers={"replicas": 1}, evaluation={"parallelism": 4})
    terms = pod_spec(launcher.launcher(subject, 1, 1))["affinity"]["podAffinity"]
    (term,) = terms["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"][names.LABEL_ROLE] == "worker"
    assert evaluate.evaluate(subject, 1)["spec"]["completions"] == 1


def test_shards_count_from_their_index():
    job = evaluate.evaluate(context(evaluation={"parallelism": 4}), 2)
    assert boxes(job)[0]["args"][-1] == "$(JOB_COMPLETION_INDEX)/4"
    assert job["spec"]["completions"] == 4
    assert f"/output/{NAME}-{UID[:8]}/evaluation-2" in boxes(job)[0]["args"]


def test_overlays_can_be_left_out():
    job = evaluate.evaluate(context(evaluation={"overlays": False}), 1)
    assert "--no-overlays" in boxes(job)[0]["args"]


def test_the_gang_counts_workers_only():
    group = gang.pod_group(training(), 1, 2)
    assert group["spec"]["schedulingPolicy"]["gang"]["minCount"] == 2
    linked = pod_spec(workers(context(), 1, 2, gang=True))["schedulingGroup"]
    assert linked == {"podGroupName": group["metadata"]["name"]}
    assert "schedulingGroup" not in pod_spec(workers(context(), 1, 2, gang=False))


def test_a_kept_claim_has_no_owner_and_a_passing_one_has():
    template = {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}
    kept = storage.claim(training(output=template))
    assert "ownerReferences" not in kept["metadata"]
    passing = storage.claim(training(output={**template, "retain": False}))
    assert passing["metadata"]["ownerReferences"][0]["uid"] == UID
    assert storage.claim(training()) is None


def test_the_wall_lets_in_the_training_and_out_to_dns_only():
    spec = network.network_policy(training())["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    (ingress,) = spec["ingress"]
    assert ingress["from"][0]["podSelector"]["matchLabels"][names.LABEL_NAME] == NAME
    peers, dns = spec["egress"]
    assert peers["to"] == ingress["from"]
    assert {port["port"] for port in dns["ports"]} == {53}


def test_staging_passes_the_bucket_s_secret_by_reference():
    s3 = {"uri": "s3://b/p", "endpoint": "https://cos.example.org", "secretName": "keys"}
    box = boxes(stage.stage(context(dataset={"source": {"s3": s3}})))[0]
    assert box["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert "s3://b/p" in box["args"]


def test_staging_without_a_source_is_an_error_with_its_field():
    with pytest.raises(ValueError, match=r"spec\.dataset\.source"):
        stage.stage(context())


def test_the_snapshot_of_the_spec_goes_with_the_attempt():
    made = config.config_map(context(training={"epochs": 7}), 1, 2)
    assert json.loads(made["data"]["spec.json"])["training"]["epochs"] == 7
    assert made["immutable"] is True
