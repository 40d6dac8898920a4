"""After the end: which pods go and which stay for their logs (runPolicy.cleanPodPolicy)."""

from __future__ import annotations

from unet_operator.api.spec.run_policy import RunPolicy
from unet_operator.api.timing import LOOK_SECONDS
from unet_operator.lifecycle.actions import DeleteJob
from unet_operator.lifecycle.draft import Draft
from unet_operator.lifecycle.stop import stop_attempt, stop_everything
from unet_operator.observe.objects import Observed


def clean_pods(draft: Draft, policy: RunPolicy, seen: Observed) -> None:
    """Deletes or stops what an ended training has left."""
    if policy.clean_pod_policy == "All":
        for job in seen.jobs.values():
            if not job.deleting:
                draft.do(DeleteJob(job.name, job.uid))
        return
    kept = policy.clean_pod_policy == "None" and draft.status.holds("Complete")
    if not kept and stop_everything(draft, seen):
        draft.wake(LOOK_SECONDS)


def release_workers(draft: Draft, policy: RunPolicy, seen: Observed) -> None:
    """Stops the workers of a trained network, unless they are to stay."""
    if policy.clean_pod_policy != "None":
        stop_attempt(draft, seen, draft.status.attempt)
