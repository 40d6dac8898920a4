"""spec.dataset: what to train on, and where to fetch it from."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from unet_operator.api.schema import Model, Name, Text, rules, set_of
from unet_operator.api.spec.pod_parts import Resources

MSD_TASKS = (
    "Task01_BrainTumour",
    "Task02_Heart",
    "Task03_Liver",
    "Task04_Hippocampus",
    "Task05_Prostate",
    "Task06_Lung",
    "Task07_Pancreas",
    "Task08_HepaticVessel",
    "Task09_Spleen",
    "Task10_Colon",
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
        description="Address of a .tar (.gz, .bz2 or .xz) or .zip that holds the task's folder."
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
        description="Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if it has one, "
        "AWS_SESSION_TOKEN; no other key of it is read. Empty for a public bucket.",
    )


class MsdSource(Model):
    """One of the ten tasks of the Medical Segmentation Decathlon, as published."""

    mirror: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")] | None = Field(
        default=None,
        description="Where TASK.tar lies instead of the public copy; the same checksum holds.",
    )


class Source(Model):
    """Where to fetch the data set from, once, into the claim."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(has(self.https) ? 1 : 0) + (has(self.s3) ? 1 : 0) + (has(self.msd) ? 1 : 0) == 1",
                "set one of https, s3 and msd",
            )
        )
    )

    msd: MsdSource | None = Field(
        default=None,
        description="The task of the Medical Segmentation Decathlon that dataset.task names, "
        "from its public copy, compared with its published checksum: write `msd: {}`.",
    )
    https: HttpsSource | None = Field(default=None, description="An archive behind a URL.")
    s3: S3Source | None = Field(default=None, description="Objects in an S3-compatible store.")
    resources: Resources = Field(
        default=Resources(requests={"cpu": "100m", "memory": "128Mi"}, limits={"memory": "512Mi"}),
        description="CPU and memory of the staging pod.",
    )


class Dataset(Model):
    """What to train on."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.region) && has(self.labels))", "set either region or labels, not both"),
            (
                f"!has(self.source) || !has(self.source.msd) || self.task in {list(MSD_TASKS)}",
                f"with source.msd the task is one of {', '.join(MSD_TASKS)}",
            ),
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
