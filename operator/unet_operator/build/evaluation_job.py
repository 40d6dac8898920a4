"""The evaluation: an Indexed Job of shards."""

from __future__ import annotations

from unet_operator.api import names
from unet_operator.api.manifest import Manifest
from unet_operator.build import volumes
from unet_operator.build.context import Context
from unet_operator.build.job import RETRY_CRASHES, job
from unet_operator.build.object_meta import object_meta
from unet_operator.build.pod import container, pod_template

RETRIES = 4
"""Crashes over all shards before the evaluation fails; evictions are not among them."""


def evaluation_job(context: Context, round_: int) -> Manifest:
    """The shards' Job.  On a volume of one node there is one shard."""
    training = context.training
    spec = training.spec.evaluation
    shards = 1 if context.one_node else spec.parallelism
    args = [
        "evaluate",
        "--data_path",
        context.data_path,
        "--saved_model",
        context.run_folder,
        "--output",
        context.evaluation_folder(round_),
        "--cases",
        "validation",
        "--shard",
        # Expanded by Kubernetes: the Job controller gives every pod its index.
        f"$(JOB_COMPLETION_INDEX)/{shards}",
    ]
    if not spec.overlays:
        args.append("--no-overlays")
    data, output = volumes.data(context), volumes.output(context)
    shard = container(context, "evaluate", args, spec.resources, [data.mount, output.mount])
    return job(
        object_meta(training, names.evaluate(context.name, round_), "evaluate", round_),
        pod_template(context, "evaluate", round_, [shard], [data.volume, output.volume]),
        completionMode="Indexed",
        completions=shards,
        parallelism=shards,
        backoffLimit=RETRIES,
        podFailurePolicy=RETRY_CRASHES,
    )
