"""The evaluation: an Indexed Job of shards, then the Job that prints the Dice table."""

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

RETRIES = 4
"""Crashes over all shards before the evaluation fails; evictions are not among them."""
REPORT_RESOURCES = Resources(requests={"cpu": "100m", "memory": "512Mi"}, limits={"memory": "2Gi"})


def evaluate(context: Context, round_: int) -> Manifest:
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
    data, output = storage.data(context), storage.output(context)
    box = container(context, "evaluate", args, spec.resources, [data[1], output[1]])
    return job(
        meta(training, names.evaluate(context.name, round_), "evaluate", round_),
        pod_template(context, "evaluate", round_, [box], [data[0], output[0]]),
        completionMode="Indexed",
        completions=shards,
        parallelism=shards,
        backoffLimit=RETRIES,
        podFailurePolicy=RETRY_CRASHES,
    )


def report(context: Context, round_: int) -> Manifest:
    """The report's Job."""
    training = context.training
    data, output = storage.data(context), storage.output(context)
    args = ["report", "--output", context.evaluation_folder(round_)]
    box = container(context, "report", args, REPORT_RESOURCES, [data[1], output[1]])
    return job(
        meta(training, names.report(context.name, round_), "report", round_),
        pod_template(context, "report", round_, [box], [data[0], output[0]]),
        backoffLimit=2,
        podFailurePolicy=RETRY_CRASHES,
    )
