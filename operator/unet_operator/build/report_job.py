"""The report: the Job that merges the shards and prints the Dice table."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.manifest import Manifest
from unet_operator.build import volumes
from unet_operator.build.context import Context
from unet_operator.build.job import RETRY_CRASHES, job
from unet_operator.build.object_meta import object_meta
from unet_operator.build.pod import container, pod_template


def report_job(context: Context, round_: int) -> Manifest:
    """The report's Job."""
    training = context.training
    data, output = volumes.data(context), volumes.output(context)
    args = ["report", "--output", context.evaluation_folder(round_)]
    wanted = training.spec.evaluation.report_resources
    report = container(context, "report", args, wanted, [data.mount, output.mount])
    return job(
        object_meta(training, names.report(context.name, round_), "report", round_),
        pod_template(context, "report", round_, [report], [data.volume, output.volume]),
        backoffLimit=2,
        podFailurePolicy=RETRY_CRASHES,
    )
