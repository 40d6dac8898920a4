"""Each constraint of the resource, against the real API server: one passes, one is refused.

Every case is (path, value that passes, value that is refused, words of the refusal).
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from support.cluster_fixtures import KubectlError
from support.hand_node import Api
from unet_operator.cluster.errors import ApiError
from unet_operator.cluster.kinds import TRAININGS

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
HTTPS = {"url": "https://example.org/t.tar", "sha256": "a" * 64}
S3 = {"uri": "s3://bucket/prefix", "endpoint": "https://cos.example.org"}
TEMPLATE = {"size": "10Gi"}
GONE = object()

CASES = [
    ("metadata.name", "a" * 46, "a" * 47, "longer than 46"),
    ("metadata.name", "brain-2", "2-brain", "begin with a letter"),
    ("metadata.name", "brain", "brain.tumour", "begin with a letter"),
    ("spec.image", "registry/unet:1", "", "at least 1 char"),
    ("spec.imagePullPolicy", "Always", "Sometimes", "Unsupported value"),
    ("spec.dataset.task", "Task01_BrainTumour", "../secrets", "should match"),
    ("spec.dataset.task", "Task01", GONE, "Required value"),
    ("spec.dataset.volume.claimName", "msd", "MSD", "should match"),
    ("spec.dataset.volume.claimName", "msd", GONE, "Required value"),
    ("spec.dataset.volume.subPath", "a/b", "/a/b", "should match"),
    ("spec.dataset.source", {"https": HTTPS}, {}, "one of https, s3 and msd"),
    ("spec.dataset.source", {"s3": S3}, {"https": HTTPS, "s3": S3}, "one of https, s3 and msd"),
    ("spec.dataset.source", {"https": HTTPS}, {"https": HTTPS, "msd": {}}, "one of https, s3"),
    (
        "spec.dataset",
        {"task": "Task04_Hippocampus", "volume": {"claimName": "msd"}, "source": {"msd": {}}},
        {"task": "Task04", "volume": {"claimName": "msd"}, "source": {"msd": {}}},
        "is one of Task01_BrainTumour",
    ),
    (
        "spec.dataset.source",
        {"https": HTTPS, "resources": {"limits": {"memory": "1Gi"}}},
        {"https": HTTPS, "resources": {"limits": {"memory": "much"}}},
        "should match",
    ),
    ("spec.dataset.source", {"https": HTTPS}, {"https": {**HTTPS, "sha256": "abc"}}, "match"),
    (
        "spec.dataset.source",
        {"https": HTTPS},
        {"https": {**HTTPS, "url": "file:///etc/passwd"}},
        "match",
    ),
    ("spec.dataset.source", {"s3": S3}, {"s3": {**S3, "uri": "bucket/prefix"}}, "match"),
    ("spec.dataset.source", {"s3": S3}, {"s3": {**S3, "endpoint": "cos"}}, "match"),
    ("spec.dataset.channels", ["FLAIR", "T1w"], ["FLAIR", "FLAIR"], "Duplicate value"),
    ("spec.dataset.channels", ["FLAIR"], "FLAIR", "array"),
    ("spec.dataset.region", "whole-tumour", "$(rm)", "should match"),
    ("spec.dataset.labels", [1, 2, 3], [0], "greater than or equal to 1"),
    ("spec.dataset.labels", [1], [256], "less than or equal to 255"),
    ("spec.dataset.labels", [1], [], "at least 1 item"),
    ("spec.dataset.labels", [1, 2], [1, 1], "Duplicate value"),
    ("spec.training.epochs", 1, 0, "greater than or equal to 1"),
    ("spec.training.epochs", 100_000, 100_001, "less than or equal to"),
    ("spec.training.epochs", 3, "three", "integer"),
    ("spec.training.timeBudget", "1h30m", "90", "should match"),
    ("spec.training.timeBudget", "20m", "0m", "should match"),
    ("spec.training.batchSize", "auto", "many", "auto or a number"),
    ("spec.training.batchSize", 64, 65, "auto or a number"),
    ("spec.training.batchSize", 1, -1, "auto or a number"),
    ("spec.training.patchSize", "auto", "128", "should match"),
    ("spec.training.patchSize", "128,128,96", "0,128,128", "should match"),
    ("spec.training.learningRate", 0.001, 0, "greater than 0"),
    ("spec.training.learningRate", 10, 11, "less than or equal to 10"),
    ("spec.training.precision", "bfloat16", "float16", "Unsupported value"),
    ("spec.training.seed", 0, -1, "greater than or equal to 0"),
    ("spec.training.validationFraction", 0.5, 1, "less than 1"),
    ("spec.training.validationFraction", 0.01, 0, "greater than 0"),
    ("spec.training.extraArgs", ["--fold", "1"], ["--output=/x"], "belong to the operator"),
    ("spec.training.extraArgs", ["--data"], ["--data_path", "/x"], "belong to the operator"),
    ("spec.training.extraArgs", ["--resumes"], ["--resume"], "belong to the operator"),
    ("spec.workers.replicas", 1, 0, "greater than or equal to 1"),
    ("spec.workers.replicas", 512, 513, "less than or equal to 512"),
    (
        "spec.workers",
        {"replicas": 3, "minReplicas": 3},
        {"replicas": 3, "minReplicas": 4},
        "exceed",
    ),
    ("spec.workers.slotsPerWorker", 64, 65, "less than or equal to 64"),
    (
        "spec.workers.resources",
        {"limits": {"cpu": "1500m", "memory": "4Gi"}},
        {"limits": {"memory": "4 GB"}},
        "should match",
    ),
    ("spec.workers.nodeSelector", {"a": "b"}, {"a": 1}, "string"),
    ("spec.workers.tolerations", [{"operator": "Exists"}], [{"operator": "Maybe"}], "Unsupported"),
    ("spec.workers.tolerations", [{"effect": "NoSchedule"}], [{"effect": "No"}], "Unsupported"),
    (
        "spec.workers.tolerations",
        [{"tolerationSeconds": 0}],
        [{"tolerationSeconds": -1}],
        "greater than or equal to 0",
    ),
    ("spec.workers.affinity", {"nodeAffinity": {}}, "near", "object"),
    ("spec.mpi.env", [{"name": "I_MPI_DEBUG"}], [{"name": "I-MPI"}], "should match"),
    ("spec.mpi.env", [{"name": "A", "value": "5"}], [{"value": "5"}], "Required value"),
    ("spec.mpi.args", ["-print-rank-map"], [""], "at least 1 char"),
    ("spec.evaluation.parallelism", 256, 257, "less than or equal to 256"),
    ("spec.evaluation.round", 2, 0, "greater than or equal to 1"),
    ("spec.output", {"claimName": "results"}, {}, "either claimName or volumeClaimTemplate"),
    (
        "spec.output",
        {"volumeClaimTemplate": TEMPLATE},
        {"claimName": "results", "volumeClaimTemplate": TEMPLATE},
        "either claimName or volumeClaimTemplate",
    ),
    ("spec.output", {"volumeClaimTemplate": TEMPLATE}, {"volumeClaimTemplate": {}}, "Required"),
    (
        "spec.output",
        {"volumeClaimTemplate": {**TEMPLATE, "accessMode": "ReadWriteOnce"}},
        {"volumeClaimTemplate": {**TEMPLATE, "accessMode": "ReadOnlyMany"}},
        "Unsupported value",
    ),
    (
        "spec.output",
        {"volumeClaimTemplate": {"size": 10_000_000_000}},
        {"volumeClaimTemplate": {"size": "big"}},
        "should match",
    ),
    ("spec.runPolicy.backoffLimit", 0, -1, "greater than or equal to 0"),
    ("spec.runPolicy.retry", 1, -1, "greater than or equal to 0"),
    ("spec.runPolicy.activeDeadlineSeconds", 1, 0, "greater than or equal to 1"),
    ("spec.runPolicy.ttlSecondsAfterFinished", 0, -1, "greater than or equal to 0"),
    ("spec.runPolicy.cleanPodPolicy", "All", "Some", "Unsupported value"),
    ("spec.runPolicy.gang", "none", "always", "Unsupported value"),
    ("spec.runPolicy.suspend", True, "yes", "boolean"),
    ("spec.pods.runAsUser", 1000, 0, "greater than or equal to 1"),
    ("spec.pods.fsGroup", 1000, 0, "greater than or equal to 1"),
    ("spec.pods.imagePullSecrets", ["keys"], ["Keys!"], "should match"),
    ("spec.workers.replicas", 2, 10**30, "integer"),
    ("spec.workers.minReplicas", 1, 0, "greater than or equal to 1"),
    ("spec.workers.topologyKey", "kubernetes.io/hostname", "", "at least 1 char"),
    ("spec.workers.resources", {"limits": {"cpu": 2}}, {"limits": {"cpu": -2}}, "or equal to 0"),
    (
        "spec.launcher.resources",
        {"limits": {"memory": "1Gi"}},
        {"limits": {"memory": "1 GB"}},
        "should match",
    ),
    (
        "spec.launcher.resources",
        {"requests": {"cpu": 0}},
        {"requests": {"cpu": "-1"}},
        "should match",
    ),
    (
        "spec.evaluation.resources",
        {"limits": {"memory": "1e9"}},
        {"limits": {"memory": "-1Gi"}},
        "should match",
    ),
    (
        "spec.evaluation.reportResources",
        {"limits": {"memory": "4Gi"}},
        {"limits": {"memory": "-4Gi"}},
        "should match",
    ),
    (
        "spec.evaluation.resources",
        {"requests": {"cpu": "250m"}},
        {"requests": {"cpu": "fast"}},
        "should match",
    ),
    (
        "spec.output",
        {"volumeClaimTemplate": TEMPLATE},
        {"volumeClaimTemplate": {"size": "-10Gi"}},
        "should match",
    ),
    ("spec.pods.annotations", {"a": "b"}, {"a": 1}, "string"),
    (
        "spec.pods.env",
        [{"name": "TZ", "value": "x" * 4096}],
        [{"name": "TZ", "value": "x" * 4097}],
        "Too long",
    ),
    ("spec.pods.env", [{"name": "_A1"}], [{"name": "1A"}], "should match"),
    ("spec.pods.priorityClassName", "training", "Training!", "should match"),
]


def manifest(path: str, value: object) -> str:
    """The smallest training with one field set or taken away."""
    body: dict = {
        "apiVersion": "unet.dev/v1alpha1",
        "kind": "UNetTraining",
        "metadata": {"name": "constraint"},
        "spec": {
            "dataset": {"task": "Task01", "volume": {"claimName": "msd"}},
            "output": {"claimName": "results"},
        },
    }
    node = body
    *parents, last = path.split(".")
    for name in parents:
        node = node.setdefault(name, {})
    if value is GONE:
        node.pop(last)
    else:
        node[last] = copy.deepcopy(value)
    return json.dumps(body)


def identity(case: tuple) -> str:
    """A case's name."""
    bad = "missing" if case[2] is GONE else json.dumps(case[2])
    return f"{case[0]}={bad[:40]}"


def create(api: Api, text: str) -> None:
    """Puts an object to the API server, which does not keep it."""
    api.try_out(TRAININGS, "default", json.loads(text))


def refusal(api: Api, text: str) -> str:
    """The words with which the API server refuses an object."""
    with pytest.raises(ApiError) as refused:
        create(api, text)
    return str(refused.value)


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_one_passes_and_one_is_refused(crd, api, case):
    path, good, bad, says = case
    create(api, manifest(path, good))
    words = refusal(api, manifest(path, bad))
    assert says in words
    assert path.rsplit(".", 1)[-1] in words


def test_an_unknown_field_is_refused_by_name(crd, api):
    words = refusal(api, manifest("spec.training.epoch", 3))
    assert 'unknown field "spec.training.epoch"' in words


def test_region_and_labels_exclude_each_other(crd, api):
    body = json.loads(manifest("spec.dataset.region", "whole-tumour"))
    body["spec"]["dataset"]["labels"] = [1]
    assert "either region or labels" in refusal(api, json.dumps(body))


def bounded(node: dict, path: str) -> list[str]:
    """Fields of a schema that refuse some values of their own type."""
    rules = {
        "minimum",
        "maximum",
        "enum",
        "pattern",
        "maxLength",
        "minLength",
        "minItems",
        "maxItems",
        "x-kubernetes-validations",
    }
    found = [path] if rules & set(node) else []
    for name, child in node.get("properties", {}).items():
        found += bounded(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            found += bounded(node[inner], path)
    return found


def test_every_field_with_a_constraint_has_a_case():
    """A list's items and a section's own rule are tried under the list's or section's path."""
    text = (ROOT / "manifests/crd.yaml").read_text()
    schema = yaml.safe_load(text)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    tried = {case[0] for case in CASES}
    # Cases of a section's own rule say nothing of its fields; the data set's are below.
    own = {"spec.dataset", "spec.workers"}

    def covered(path: str) -> bool:
        return path in own | tried or any(path.startswith(f"{c}.") for c in tried - own)

    missing = [p for p in bounded(schema["properties"]["spec"], "spec") if not covered(p)]
    assert sorted(set(missing)) == []


CHANGES = {
    "dataset": {"dataset": {"task": "Task02"}},
    "output": {"output": {"claimName": "others"}},
    "training.seed": {"training": {"seed": 1}},
    "training.validationFraction": {"training": {"validationFraction": 0.3}},
    "training.precision": {"training": {"precision": "float32"}},
    "training.learningRate": {"training": {"learningRate": 0.01}},
}


@pytest.mark.parametrize("field", CHANGES)
def test_what_checkpoints_depend_on_cannot_change_once_an_attempt_has_started(
    crd, namespace, field
):
    name = f"frozen-{field.lower().replace('.', '-')}"
    namespace("create", "-f", "-", stdin=manifest("metadata.name", name))
    change = CHANGES[field]
    patch = ("patch", "unet", name, "--type=merge", "--dry-run=server", "-p")
    namespace(*patch, json.dumps({"spec": change}))
    namespace(
        "patch",
        "unet",
        name,
        "--type=merge",
        "--subresource=status",
        "-p",
        json.dumps({"status": {"attempt": 1}}),
    )
    with pytest.raises(KubectlError, match=rf"spec\.{re.escape(field)} cannot change"):
        namespace(*patch, json.dumps({"spec": change}))
    namespace(*patch, json.dumps({"spec": {"training": {"epochs": 50}}}))


@pytest.mark.parametrize(
    "sample", sorted((ROOT / "manifests/samples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_sample_is_accepted(crd, sample):
    crd("create", "--dry-run=server", "-f", str(sample))


def test_plain_apply_takes_the_definition(crd):
    assert (ROOT / "manifests/crd.yaml").stat().st_size < 200_000
    crd("apply", "-f", str(ROOT / "manifests/crd.yaml"))


def test_explain_describes_every_field_of_the_spec(crd):
    text = crd("explain", "unettraining.spec", "--recursive")
    fields = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
    schema = fields["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in schema["properties"]["spec"]["properties"]:
        assert name in text
    assert "Default: 40" in crd("explain", "unettraining.spec.training.epochs")


def test_the_full_sample_names_every_field_of_the_spec():
    sample = yaml.safe_load((ROOT / "manifests/samples/full.yaml").read_text())["spec"]
    fields = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
    schema = fields["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    alternatives = {"dataset.source", "dataset.region", "output.claimName"}

    def missing(node: dict, value: dict, path: str) -> list[str]:
        found = []
        for name, child in node.get("properties", {}).items():
            here = f"{path}{name}"
            if here in alternatives:
                continue
            if name not in value:
                found.append(here)
            elif isinstance(value[name], dict):
                found += missing(child, value[name], f"{here}.")
        return found

    assert missing(schema["properties"]["spec"], sample, "") == []
