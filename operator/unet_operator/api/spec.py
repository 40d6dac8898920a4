"""The spec of a UNetTraining: fields, units, defaults and rules.

The CRD is generated from here (`crd.py`), so a description below is what `kubectl explain`
says.  A field's unit travels as `json_schema_extra={"unit": …}` and its default is appended
to the description by the generator, so neither can be forgotten or go stale.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from unet_operator.api.schema import Lenient, Model, Name, Quantity, Text, rules, set_of

BatchSize = Annotated[
    int | Literal["auto"],
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            **rules(
                (
                    "type(self) == int ? self >= 1 && self <= 64 : self == 'auto'",
                    "must be auto or a number of patches from 1 to 64",
                )
            ),
        }
    ),
]
Affinity = Annotated[
    dict[str, object],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]


class EnvVar(Model):
    """A variable with a literal value."""

    name: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        description="Name of the variable."
    )
    value: Annotated[str, Field(max_length=4096)] = Field(
        default="", description="Literal value; nothing in it is expanded."
    )


class Toleration(Model):
    """A node taint that the pods accept."""

    key: Text | None = Field(default=None, description="Taint key; empty matches every key.")
    operator: Literal["Exists", "Equal"] = Field(
        default="Equal", description="How key and value are compared."
    )
    value: Annotated[str, Field(max_length=253)] | None = Field(
        default=None, description="Taint value, for Equal."
    )
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Taint effect; empty matches every effect."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="How long a NoExecute taint is borne; empty is for ever.",
        json_schema_extra={"unit": "seconds"},
    )


class Resources(Model):
    """CPU and memory of one pod."""

    requests: dict[str, Quantity] = Field(
        default={}, description="What the scheduler reserves, such as cpu: 4, memory: 8Gi."
    )
    limits: dict[str, Quantity] = Field(
        default={},
        description="What the pod may use at most. Set limits equal to requests and cpu to "
        "whole cores: a throttled rank slows every other.",
    )


class Volume(Model):
    """A claim that holds data sets."""

    claim_name: Name = Field(description="Name of a PersistentVolumeClaim in this namespace.")
    sub_path: Annotated[str, Field(max_length=512, pattern=r"^([^/].*)?$")] = Field(
        default="", description="Folder inside the volume that holds the task's folder."
    )


class HttpsSource(Model):
    """An archive behind a URL."""

    url: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")] = Field(
        description="Address of a .tar, .tar.gz, .tgz or .zip that holds the task's folder."
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256 of the archive, 64 hexadecimal digits."
    )


class S3Source(Model):
    """Objects in an S3-compatible store, such as Tencent COS."""

    uri: Annotated[str, Field(max_length=1024, pattern=r"^s3://[^/\s]+/\S+$")] = Field(
        description="Where the task's folder or archive lies: s3://BUCKET/PREFIX."
    )
    endpoint: Annotated[str, Field(max_length=512, pattern=r"^https?://\S+$")] = Field(
        description="Address of the store."
    )
    region: Text | None = Field(default=None, description="Region of the bucket.")
    secret_name: Name | None = Field(
        default=None,
        description="Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; empty for a "
        "public bucket.",
    )


class Source(Model):
    """Where to fetch the data set from, once, into the claim."""

    model_config = ConfigDict(
        json_schema_extra=rules(("has(self.https) != has(self.s3)", "set either https or s3"))
    )

    https: HttpsSource | None = Field(default=None, description="An archive behind a URL.")
    s3: S3Source | None = Field(default=None, description="Objects in an S3-compatible store.")


class Dataset(Model):
    """What to train on."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.region) && has(self.labels))", "set either region or labels, not both")
        )
    )

    task: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] = Field(
        description="Folder that holds dataset.json, imagesTr and labelsTr, such as "
        "Task01_BrainTumour."
    )
    volume: Volume = Field(description="The claim that holds the task's folder.")
    source: Source | None = Field(
        default=None,
        description="Fetches the data set into the claim first. Nothing is fetched when the "
        "task's folder is there already.",
    )
    channels: Annotated[list[Text], Field(max_length=16)] = Field(
        default=[],
        description="Names from dataset.json's modality, such as FLAIR; empty takes all.",
        json_schema_extra=set_of(),
    )
    region: (
        Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,_.-]*$")] | None
    ) = Field(
        default=None,
        description="What to segment, such as whole-tumour, tumour-core or enhancing-tumour; "
        "several are separated by commas. Empty, with labels empty too, takes every label.",
    )
    labels: (
        Annotated[list[Annotated[int, Field(ge=1, le=255)]], Field(min_length=1, max_length=16)]
        | None
    ) = Field(
        default=None,
        description="Label values to segment, one output each.",
        json_schema_extra=set_of(),
    )


class Training(Model):
    """How to train."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=40,
        description="How often the network sees the training cases; not looked at with a "
        "timeBudget.",
    )
    time_budget: Annotated[str, Field(max_length=32, pattern=r"^([1-9][0-9]*[hms])+$")] | None = (
        Field(
            default=None,
            description="Time for planning and training, such as 90m or 1h30m; all attempts "
            "share it. Grid, patch and epochs are planned to make the most of it.",
        )
    )
    batch_size: BatchSize = Field(
        default="auto",
        description="Patches per rank and step; auto fits the workers' memory.",
        json_schema_extra={"unit": "patches"},
    )
    patch_size: Annotated[
        str, Field(max_length=32, pattern=r"^(auto|[1-9][0-9]*,[1-9][0-9]*,[1-9][0-9]*)$")
    ] = Field(
        default="auto",
        description="Size of a training patch along the three array axes, such as "
        "128,128,128; auto fits the data and the workers' memory.",
        json_schema_extra={"unit": "voxels"},
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] | None = Field(
        default=None,
        description="Base learning rate, scaled by the global batch; empty lets the plan choose.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Number format of the computation; auto takes bfloat16 where the "
        "processor has it.",
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=816, description="Seed of split, sampling and initial weights."
    )
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Part of the cases kept out of training, from 0 to 1."
    )
    extra_args: Annotated[list[Text], Field(max_length=64)] = Field(
        default=[],
        description="Further arguments of `unet train`, one per element. No shell reads them.",
        json_schema_extra=rules(
            (
                "self.all(a, !a.matches('^--(data_path|data-path|output|attempt|resume)(=.*)?$'))",
                "--data_path, --output, --attempt and --resume belong to the operator",
            )
        ),
    )


class Workers(Model):
    """The pods that train."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.minReplicas) || self.minReplicas <= self.replicas",
                "minReplicas must not exceed replicas",
            )
        )
    )

    replicas: Annotated[int, Field(ge=1, le=512)] = Field(
        default=1, description="Number of worker pods."
    )
    min_replicas: Annotated[int, Field(ge=1, le=512)] | None = Field(
        default=None,
        description="An attempt may start with as few workers when there is no room for "
        "more; empty means replicas.",
    )
    slots_per_worker: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="MPI ranks per worker pod. Ranks of 4 to 8 cores inside one NUMA node "
        "serve best.",
    )
    resources: Resources = Field(
        default=Resources(
            requests={"cpu": "500m", "memory": "4Gi"}, limits={"cpu": "1", "memory": "4Gi"}
        ),
        description="CPU and memory of one worker pod, shared by its ranks. The default runs on "
        "nodes of one core; give whole cores, requests equal to limits, for real work.",
    )
    node_selector: dict[str, Annotated[str, Field(max_length=63)]] = Field(
        default={}, description="Labels a node must have, for every pod of the training."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(
        default=[], description="Node taints that every pod of the training accepts."
    )
    affinity: Affinity | None = Field(
        default=None,
        description="Affinity of the worker pods, as in a pod's spec.affinity "
        "(nodeAffinity, podAffinity, podAntiAffinity).",
    )
    topology_key: Text | None = Field(
        default=None,
        description="Spreads the workers over this node label where possible, such as "
        "kubernetes.io/hostname.",
    )


class Launcher(Model):
    """The pod that runs mpiexec and prints the training."""

    resources: Resources = Field(
        default=Resources(requests={"cpu": "50m", "memory": "128Mi"}, limits={"memory": "512Mi"}),
        description="CPU and memory of the launcher; it computes nothing.",
    )


class Mpi(Model):
    """Intel MPI's own settings."""

    env: Annotated[list[EnvVar], Field(max_length=64)] = Field(
        default=[],
        description="Variables of every rank, passed as -genv, such as I_MPI_DEBUG; they win "
        "over the operator's own.",
    )
    args: Annotated[list[Text], Field(max_length=64)] = Field(
        default=[],
        description="Further arguments of mpiexec.hydra, one per element. No shell reads them.",
    )


class Evaluation(Model):
    """Whole-volume predictions of the validation cases, and their score."""

    enabled: bool = Field(default=True, description="Evaluates once training has ended.")
    parallelism: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="Number of evaluation pods, each with a share of the cases."
    )
    overlays: bool = Field(
        default=True, description="Draws label and prediction of each case as a picture."
    )
    round: Annotated[int, Field(ge=1, le=999)] = Field(
        default=1, description="Raise it to evaluate a trained model once more."
    )
    resources: Resources = Field(
        default=Resources(
            requests={"cpu": "500m", "memory": "3Gi"}, limits={"cpu": "1", "memory": "3Gi"}
        ),
        description="CPU and memory of one evaluation pod.",
    )


class ClaimTemplate(Model):
    """A claim to create."""

    storage_class_name: Name | None = Field(
        default=None, description="Storage class; empty takes the cluster's default."
    )
    size: Quantity = Field(description="Size of the volume, such as 100Gi.")
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = Field(
        default="ReadWriteMany",
        description="ReadWriteOnce serves one worker only; several need ReadWriteMany.",
    )


class Output(Model):
    """Where checkpoints, predictions and the report go."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.claimName) != has(self.volumeClaimTemplate)",
                "set either claimName or volumeClaimTemplate",
            )
        )
    )

    claim_name: Name | None = Field(
        default=None, description="Name of a PersistentVolumeClaim in this namespace."
    )
    volume_claim_template: ClaimTemplate | None = Field(
        default=None, description="Creates the claim NAME-output."
    )
    retain: bool = Field(
        default=True,
        description="Keeps a created claim, with model and predictions, when the "
        "UNetTraining is deleted.",
    )


class RunPolicy(Model):
    """How long it may run, how often it may fail, what stays afterwards."""

    suspend: bool = Field(
        default=False,
        description="Stops every pod after a checkpoint; set back to resume from it.",
    )
    backoff_limit: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3,
        description="Failed attempts before the training fails. Evictions, preemptions and "
        "lost nodes do not count; a connection between ranks that breaks twice without a later "
        "checkpoint between does.",
    )
    active_deadline_seconds: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="The training fails when it has run longer; empty is no limit.",
        json_schema_extra={"unit": "seconds"},
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="Deletes the UNetTraining itself this long after its end; empty keeps it.",
        json_schema_extra={"unit": "seconds"},
    )
    clean_pod_policy: Literal["None", "Running", "All"] = Field(
        default="Running",
        description="Which pods go at the end: None, Running (the workers; finished pods stay "
        "for their logs) or All.",
    )
    gang: Literal["auto", "none"] = Field(
        default="auto",
        description="auto binds all workers or none where Kubernetes offers PodGroup "
        "(1.37 and later); none never does.",
    )


class Pods(Model):
    """What every pod of the training shares."""

    env: Annotated[list[EnvVar], Field(max_length=64)] = Field(
        default=[], description="Variables of every container and rank."
    )
    annotations: dict[str, Annotated[str, Field(max_length=4096)]] = Field(
        default={}, description="Annotations of every pod."
    )
    image_pull_secrets: Annotated[list[Name], Field(max_length=16)] = Field(
        default=[], description="Secrets of the image registry."
    )
    priority_class_name: Name | None = Field(
        default=None, description="PriorityClass of every pod."
    )
    run_as_user: Annotated[int, Field(ge=1)] = Field(
        default=65532, description="Numeric user of every process; never root."
    )
    fs_group: Annotated[int, Field(ge=1)] = Field(
        default=65532, description="Numeric group that may read and write the volumes."
    )


class Spec(Model):
    """What the user asks for."""

    image: Text | None = Field(
        default=None, description="Training image; empty takes the operator's own."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When a node fetches the image."
    )
    dataset: Dataset = Field(description="What to train on.")
    training: Training = Field(default=Training(), description="How to train.")
    workers: Workers = Field(default=Workers(), description="The pods that train.")
    launcher: Launcher = Field(
        default=Launcher(), description="The pod that runs mpiexec and prints the training."
    )
    mpi: Mpi = Field(default=Mpi(), description="Intel MPI's own settings.")
    evaluation: Evaluation = Field(
        default=Evaluation(),
        description="Whole-volume predictions of the validation cases, and their score.",
    )
    output: Output = Field(description="Where checkpoints, predictions and the report go.")
    run_policy: RunPolicy = Field(
        default=RunPolicy(),
        description="How long it may run, how often it may fail, what stays afterwards.",
    )
    pods: Pods = Field(default=Pods(), description="What every pod of the training shares.")


class Metadata(Lenient):
    """The part of an object's metadata that the operator reads."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    deletion_timestamp: str | None = None
