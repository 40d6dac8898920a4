"""Which changes of a Job the API server takes, and what it fills in.

After ValidateJobSpecUpdate, validatePodTemplateUpdate and SetDefaults_Job of Kubernetes 1.37.
"""

from __future__ import annotations

from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.refusal import Refusal, invalid

IMMUTABLE = ("completions", "selector", "completionMode", "podFailurePolicy", "template")
"""Fields of a Job's spec that stay as they were made.

`completions` of an Indexed Job may follow `parallelism` (elastic Jobs), which nobody here does.
"""
DIRECTIVES = ("nodeSelector", "tolerations", "schedulingGates")
"""What of a suspended Job's pods another controller, such as a queue, may still set."""


def with_defaults(job: Object) -> Object:
    """A new Job with what the API server fills in."""
    spec = dict(job["spec"])
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    policy = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    defaults = {
        "parallelism": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": policy,
    }
    uid, name = job["metadata"]["uid"], job["metadata"]["name"]
    ours = {
        "batch.kubernetes.io/job-name": name,
        "batch.kubernetes.io/controller-uid": uid,
        "job-name": name,
        "controller-uid": uid,
    }
    template = dict(spec["template"]) if "template" in spec else {"spec": {"containers": []}}
    meta = dict(template.get("metadata", {}))
    template["metadata"] = {**meta, "labels": {**meta.get("labels", {}), **ours}}
    return {**job, "spec": {**defaults, **spec, "template": template}}


def refused_change(old: Object, new: Object) -> Refusal | None:
    """Why the API server does not take `new` in the place of `old`, if it does not."""
    name = old["metadata"]["name"]
    before, after = old["spec"], new["spec"]
    for field in IMMUTABLE:
        if field == "template" and _may_place(old):
            changed = _placed_elsewhere(before, after)
        else:
            changed = before.get(field) != after.get(field)
        if changed:
            return invalid("jobs", name, f"spec.{field}", "field is immutable")
    return None


def _may_place(job: Object) -> bool:
    """Whether others may say where the Job's pods go: suspended, and no pod of it is left."""
    status = job.get("status", {})
    seen = any(
        c["type"] == "Suspended" and c["status"] == "True" for c in status.get("conditions", ())
    )
    rests = not status.get("active", 0) and (seen or "startTime" not in status)
    return bool(job["spec"].get("suspend")) and rests


def _placed_elsewhere(before: Object, after: Object) -> bool:
    return _without_directives(before["template"]) != _without_directives(after["template"])


def _without_directives(template: Object) -> Object:
    spec = {k: v for k, v in template.get("spec", {}).items() if k not in DIRECTIVES}
    meta = template.get("metadata", {})
    rest = {k: v for k, v in meta.items() if k not in ("labels", "annotations")}
    return {"metadata": rest, "spec": spec}
