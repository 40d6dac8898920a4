"""The Job that fetches the data set into its claim."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.spec.pod_parts import Resources
from unet_operator.build import storage
from unet_operator.build.common import (
    RETRY_CRASHES,
    Context,
    Manifest,
    container,
    job,
    meta,
    pod_template,
)

RESOURCES = Resources(requests={"cpu": "100m", "memory": "128Mi"}, limits={"memory": "512Mi"})
RETRIES = 6
"""Network failures before staging fails; each doubles the Job's wait from 10 s."""


def stage(context: Context) -> Manifest:
    """The staging Job.

    Raises:
        ValueError: the training has no dataset.source.
    """
    training = context.training
    source = training.spec.dataset.source
    if source is None:
        raise ValueError("spec.dataset.source: empty, so there is nothing to stage")
    args = ["stage"]
    env: dict[str, str] = {}
    if source.https is not None:
        args += ["--https", source.https.url, "--sha256", source.https.sha256]
    elif source.s3 is not None:
        args += ["--s3", source.s3.uri, "--endpoint", source.s3.endpoint]
        if source.s3.region is not None:
            env["AWS_REGION"] = source.s3.region
    args += ["--target", context.data_path]
    volume, mount = storage.data(context, writable=True)
    box = container(
        context, "stage", [a.replace("$(", "$$(") for a in args], RESOURCES, [mount], env
    )
    if source.s3 is not None and source.s3.secret_name is not None:
        box["envFrom"] = [{"secretRef": {"name": source.s3.secret_name}}]
    return job(
        meta(training, names.stage(context.name), "stage", 0),
        pod_template(context, "stage", 0, [box], [volume]),
        backoffLimit=RETRIES,
        podFailurePolicy=RETRY_CRASHES,
    )
