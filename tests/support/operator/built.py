"""What builders take, and the parts of what they give, for their tests."""

from __future__ import annotations

from unet_operator.api.status import Status
from unet_operator.build.context import Context
from unet_operator.build.evaluation_job import evaluation_job
from unet_operator.build.launcher_job import launcher_job
from unet_operator.build.report_job import report_job
from unet_operator.build.staging_job import staging_job
from unet_operator.build.workers_job import workers_job

from support.operator.making import training

SOURCE = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}


def context(status: Status | None = None, *, one_node: bool = False, **changes) -> Context:
    """What builders take."""
    return Context(training(status, **changes), "image:1", one_node)


def all_jobs(subject: Context) -> list[dict]:
    """Every Job that a training may own."""
    return [
        workers_job(subject, 1, 2, gang=True),
        launcher_job(subject, 1),
        evaluation_job(subject, 1),
        report_job(subject, 1),
        staging_job(subject),
    ]


def pod_spec(job: dict) -> dict:
    """The pod's spec inside a Job."""
    return job["spec"]["template"]["spec"]


def containers(job: dict) -> list[dict]:
    """All containers of a Job's pod, in the order of their start."""
    spec = pod_spec(job)
    return [*spec.get("initContainers", []), *spec["containers"]]


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether labels fit a selector."""
    return selector.items() <= labels.items()
