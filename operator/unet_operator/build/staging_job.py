"""The Job that fetches the data set into its claim."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.manifest import Manifest
from unet_operator.api.spec.dataset import Source
from unet_operator.build import volumes
from unet_operator.build.context import Context
from unet_operator.build.job import RETRY_CRASHES, job
from unet_operator.build.object_meta import object_meta
from unet_operator.build.pod import container, pod_template

KEYS = {"AWS_ACCESS_KEY_ID": False, "AWS_SECRET_ACCESS_KEY": False, "AWS_SESSION_TOKEN": True}
"""What is read of a store's Secret, and whether it may be missing."""
RETRIES = 6
"""Network failures before staging fails; each doubles the Job's wait from 10 s."""


def staging_job(context: Context) -> Manifest:
    """The staging Job.

    Raises:
        ValueError: the training has no dataset.source.
    """
    training = context.training
    source = training.spec.dataset.source
    if source is None:
        raise ValueError("spec.dataset.source: empty, so there is nothing to stage")
    data = volumes.data(context, writable=True)
    # `$$(` is how Kubernetes spells a literal `$(` in arguments.
    args = [
        word.replace("$(", "$$(")
        for word in _arguments(source, training.spec.dataset.task, context.data_path)
    ]
    region = source.s3.region if source.s3 is not None else None
    env = {"AWS_REGION": region} if region is not None else {}
    fetch = container(context, "stage", args, source.resources, [data.mount], env)
    if source.s3 is not None and source.s3.secret_name is not None:
        # The last of a name counts, so that spec.pods.env cannot shadow a key.
        environment = fetch["env"]
        assert isinstance(environment, list), "`container` makes a list"
        fetch["env"] = [*environment, *_keys(source.s3.secret_name)]
    return job(
        object_meta(training, names.stage(context.name), "stage", 0),
        pod_template(context, "stage", 0, [fetch], [data.volume]),
        backoffLimit=RETRIES,
        podFailurePolicy=RETRY_CRASHES,
    )


def _keys(secret: str) -> list[Manifest]:
    """Variables from keys of a Secret, each by its name: never the Secret as a whole."""
    return [
        {
            "name": key,
            "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": optional}},
        }
        for key, optional in KEYS.items()
    ]


def _arguments(source: Source, task: str, target: str) -> list[str]:
    """Arguments of the image's command `stage`."""
    args = ["stage"]
    if source.msd is not None:
        args += ["--msd", task]
        if source.msd.mirror is not None:
            args += ["--mirror", source.msd.mirror]
    elif source.https is not None:
        args += ["--https", source.https.url, "--sha256", source.https.sha256]
    elif source.s3 is not None:
        args += ["--s3", source.s3.uri, "--endpoint", source.s3.endpoint]
    return [*args, "--target", target]
