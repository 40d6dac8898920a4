"""What is built: names, commands, mounts, secrecy, and that every pod passes `restricted`."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from support.operator.making import NAME, NAMESPACE, UID, training
from unet_operator.api import names
from unet_operator.api.labels import LABEL_MANAGED, LABEL_NAME, LABEL_ROLE, MANAGED_BY, labels_of
from unet_operator.api.status import Reduced, Status
from unet_operator.build import config, evaluate, gang, launcher, network, ssh, stage, storage
from unet_operator.build.common import Context
from unet_operator.build.workers import workers

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
        for box in boxes(job):
            assert not {"command", "lifecycle", "stdin"} & set(box)
            for port in box.get("ports", []):
                assert "hostPort" not in port

    def test_writes_only_where_something_is_mounted_for_it(self, job):
        for box in boxes(job):
            paths = {mount["mountPath"] for mount in box["volumeMounts"]}
            assert {"/home", "/tmp"} <= paths
            assert len(paths) == len(box["volumeMounts"]), "two mounts at one path"

    def test_says_its_last_words_though_the_image_does_not(self, job):
        for box in boxes(job):
            assert box["terminationMessagePolicy"] == "FallbackToLogsOnError"

    def test_has_time_to_checkpoint(self, job):
        assert pod_spec(job)["terminationGracePeriodSeconds"] == 120
        assert pod_spec(job)["restartPolicy"] == "Never"

    def test_mounts_only_volumes_that_it_has(self, job):
        names_ = [volume["name"] for volume in pod_spec(job)["volumes"]]
        there = set(names_)
        assert len(names_) == len(there)
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
                "extraArgs": ["--checkpoint-minutes=1"],
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
    assert words[-1] == "--checkpoint-minutes=1"
    assert "--mpi-arg=-print-rank-map" in words[: words.index("--")]
    assert "--genv=I_MPI_DEBUG=5" in words[: words.index("--")]


def test_a_time_budget_decides_the_epochs():
    words = launch_words(context(training={"epochs": 7, "timeBudget": "1h30m"}))
    assert words[words.index("--time-budget") + 1] == "1h30m"
    assert "--epochs" not in words


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
    assert term["labelSelector"]["matchLabels"][LABEL_ROLE] == "worker"
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
    assert ingress["from"][0]["podSelector"]["matchLabels"][LABEL_NAME] == NAME
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


def test_one_claim_for_data_and_output_is_one_volume_mounted_twice():
    for job in all_jobs(context(dataset=SOURCE, output={"claimName": "msd"})):
        claims = [v for v in pod_spec(job)["volumes"] if "persistentVolumeClaim" in v]
        assert [v["persistentVolumeClaim"]["claimName"] for v in claims] == ["msd"]
        names_ = {volume["name"] for volume in pod_spec(job)["volumes"]}
        for box in boxes(job):
            mounts = {m["mountPath"]: m for m in box["volumeMounts"]}
            assert {m["name"] for m in mounts.values()} <= names_
            if box["name"] in ("worker", "launch", "evaluate", "report"):
                assert mounts["/data"]["readOnly"] is True
                assert "readOnly" not in mounts["/output"]


def test_a_folder_inside_the_volume_is_mounted_by_itself():
    subject = context(dataset={"volume": {"claimName": "msd", "subPath": "a/b"}})
    (mount,) = [
        m
        for m in boxes(workers(subject, 1, 2, gang=False))[0]["volumeMounts"]
        if m["name"] == "data"
    ]
    assert mount["subPath"] == "a/b"


OTHER = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"


def matches(selector, labels):
    """Whether labels fit a selector."""
    return selector.items() <= labels.items()


def test_the_service_names_this_training_s_workers_and_no_others():
    selector = network.service(training())["spec"]["selector"]
    assert matches(selector, labels_of(NAME, UID, "worker", 7))
    assert not matches(selector, labels_of(NAME, UID, "launcher", 7))
    assert not matches(selector, labels_of(NAME, OTHER, "worker", 7)), "a deleted namesake's"
    assert not matches(selector, labels_of("other", UID, "worker", 7))


def test_the_wall_stands_around_every_pod_but_the_one_that_fetches_the_data():
    spec = network.network_policy(training())["spec"]["podSelector"]
    (rule,) = spec["matchExpressions"]
    for role in ("worker", "launcher", "evaluate", "report", "stage"):
        labels = labels_of(NAME, UID, role, 1)
        inside = matches(spec["matchLabels"], labels) and labels[rule["key"]] not in rule["values"]
        assert inside is (role != "stage")


def test_worker_pods_spread_where_possible_and_only_if_asked_to():
    assert "topologySpreadConstraints" not in pod_spec(JOBS[0])
    subject = context(workers={"topologyKey": "kubernetes.io/hostname"})
    (spread,) = pod_spec(workers(subject, 2, 2, gang=False))["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"] == subject.labels("worker", 2)


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
    assert config.config_map(subject, 1, 2) == config.config_map(subject, 1, 2)


def test_variables_of_ranks_come_in_the_order_of_their_sources_each_once():
    subject = context(
        pods={"env": [{"name": "B", "value": "pod"}, {"name": "A", "value": "pod"}]},
        mpi={"env": [{"name": "C", "value": "mpi"}, {"name": "B", "value": "mpi"}]},
    )
    words = [word for word in launch_words(subject) if word.startswith("--genv=")]
    variables = [word.removeprefix("--genv=").split("=", 1) for word in words]
    order = [name for name, _ in variables]
    assert order[-3:] == ["B", "A", "C"]
    assert len(order) == len(set(order))
    assert dict(variables)["B"] == "mpi"


def test_a_value_with_every_kind_of_mark_reaches_the_rank_as_it_is():
    nasty = "a b=c,d;e|f&g $(HOME) ${HOME} `id` 'x' \"y\" \\ \n % 大脑"
    words = launch_words(context(mpi={"env": [{"name": "X", "value": nasty}]}))
    assert f"--genv=X={nasty}" in words


@pytest.mark.parametrize("cpu", ["", "many", "1e3", "-", "4Gi"])
def test_a_cpu_that_is_no_number_of_cores_still_gives_a_thread(cpu):
    subject = context(workers={"resources": {"limits": {"cpu": cpu}, "requests": {}}})
    assert config.threads_per_rank(subject) >= 1


def test_without_a_limit_the_request_says_how_many_threads():
    subject = context(workers={"resources": {"limits": {}, "requests": {"cpu": "6"}}})
    assert config.threads_per_rank(subject) == 6
    bare = context(workers={"resources": {"limits": {}, "requests": {}}})
    assert config.threads_per_rank(bare) == 1


def test_retries_are_for_what_trying_again_may_mend():
    for job in (stage.stage(context(dataset=SOURCE)), evaluate.evaluate(context(), 1)):
        lost, stopped, fail = job["spec"]["podFailurePolicy"]["rules"]
        assert (lost["action"], stopped["action"]) == ("Ignore", "Ignore")
        assert lost["onPodConditions"][0]["type"] == "DisruptionTarget"
        assert stopped["onExitCodes"] == {"operator": "In", "values": [143]}
        assert (fail["action"], fail["onExitCodes"]["operator"]) == ("FailJob", "In")
        assert set(fail["onExitCodes"]["values"]) == {2, 10, 11, 12, 14}
        assert job["spec"]["backoffLimit"] > 0


def test_rendezvous_meets_the_hosts_of_this_attempt_and_tries_what_ranks_will_need():
    box = boxes(launcher.launcher(context(), 3, 2))[0]
    pairs = dict(itertools.pairwise(box["args"]))
    assert pairs["--hostfile"] == "/etc/unet/config/hostfile"
    assert pairs["--data"] == "/data/Task01_BrainTumour"
    assert pairs["--output"] == f"/output/{NAME}-{UID[:8]}"
    (volume,) = [
        v for v in pod_spec(launcher.launcher(context(), 3, 2))["volumes"] if v["name"] == "config"
    ]
    assert volume["configMap"]["name"] == f"{NAME}-config-3"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SOURCE["source"], ["--https", "https://example.org/t.tar", "--sha256", "a" * 64]),
        (
            {"s3": {"uri": "s3://b/p", "endpoint": "https://cos.example.org"}},
            ["--s3", "s3://b/p", "--endpoint", "https://cos.example.org"],
        ),
    ],
)
def test_staging_is_told_whence_and_whither(source, words):
    box = boxes(stage.stage(context(dataset={"source": source})))[0]
    assert box["args"] == ["stage", *words, "--target", "/data/Task01_BrainTumour"]
    assert "envFrom" not in box


def test_a_bucket_s_region_and_a_url_with_a_dollar_are_passed_as_they_are():
    s3 = {"uri": "s3://b/$(HOME)", "endpoint": "https://cos.example.org", "region": "ap-shanghai"}
    box = boxes(stage.stage(context(dataset={"source": {"s3": s3}})))[0]
    assert {"name": "AWS_REGION", "value": "ap-shanghai"} in box["env"]
    assert "s3://b/$$(HOME)" in box["args"], "how Kubernetes spells a literal $("


def test_a_claim_to_create_asks_for_what_the_spec_says():
    made = storage.claim(
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
    plain = storage.claim(training(output={"claimName": None, "volumeClaimTemplate": {"size": 1}}))
    assert "storageClassName" not in plain["spec"], (
        "the cluster's default is another thing than none"
    )
