"""Objects of the API server, read into the models of `objects`, each once as it comes in.

Whatever anybody may write into a label or an annotation is read; what the API server itself
vouches for is taken at its word, and an `UnreadableError` if it is not so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from unet_operator.api.json_object import (
    JsonObject,
    metadata_of,
    required_text,
    section,
    sections,
    text,
    texts,
    whole,
)
from unet_operator.api.labels import LABEL_ATTEMPT, LABEL_NAME, LABEL_ROLE, LABEL_UID
from unet_operator.observe.objects import Claim, Exit, Job, KubernetesEvent, Owner, Pod
from unet_operator.observe.progress import termination

INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
_COMING = ("", "ContainerCreating", "PodInitializing")
"""Reasons of a container that waits for no more than its turn."""


def parse_pod(body: JsonObject) -> Pod:
    """Reads a pod of ours.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    meta, spec, status = metadata_of(body), section(body, "spec"), section(body, "status")
    labels = section(meta, "labels")
    conditions = {c.get("type"): c for c in sections(status, "conditions")}
    node = text(spec, "nodeName")
    containers = (
        *sections(status, "initContainerStatuses"),
        *sections(status, "containerStatuses"),
    )
    states = [(required_text(c, "name"), section(c, "state")) for c in containers]
    return Pod(
        name=required_text(meta, "name"),
        uid=required_text(meta, "uid"),
        namespace=required_text(meta, "namespace"),
        training=text(labels, LABEL_NAME),
        training_uid=text(labels, LABEL_UID),
        role=text(labels, LABEL_ROLE),
        attempt=_small_number(text(labels, LABEL_ATTEMPT)) or 0,
        index=_small_number(text(section(meta, "annotations"), INDEX_ANNOTATION)),
        phase=text(status, "phase", "Pending"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        scheduled=bool(node),
        unschedulable=_unschedulable(conditions.get("PodScheduled", {})),
        node=node,
        created=_moment(meta, "creationTimestamp"),
        deleting_until=_moment(meta, "deletionTimestamp"),
        disruption=_disruption(status, conditions.get("DisruptionTarget")),
        waiting=_kept_from_starting(states),
        exits={name: _exit(state) for name, state in states if state.get("terminated")},
        running=frozenset(name for name, state in states if "running" in state),
    )


def parse_job(body: JsonObject) -> Job:
    """Reads a Job of ours.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    meta, spec, status = metadata_of(body), section(body, "spec"), section(body, "status")
    labels = section(meta, "labels")
    conditions = sections(status, "conditions")
    true = {c.get("type"): c for c in conditions if c.get("status") == "True"}
    failure = true.get("Failed") or true.get("FailureTarget")
    owner = parse_owner(body)
    return Job(
        name=required_text(meta, "name"),
        uid=required_text(meta, "uid"),
        namespace=required_text(meta, "namespace"),
        training=text(labels, LABEL_NAME),
        owner_uid=owner.uid if owner else "",
        role=text(labels, LABEL_ROLE),
        attempt=_small_number(text(labels, LABEL_ATTEMPT)) or 0,
        completions=whole(spec, "completions", 1),
        suspended=bool(spec.get("suspend")),
        active=whole(status, "active"),
        created=_moment(meta, "creationTimestamp"),
        complete="Complete" in true,
        failed=(text(failure, "message") or required_text(failure, "reason")) if failure else "",
        deleting="deletionTimestamp" in meta,
    )


def parse_claim(name: str, body: JsonObject | None) -> Claim:
    """Reads a claim, or says that there is none.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    if body is None:
        return Claim(name=name, exists=False)
    meta = metadata_of(body)
    return Claim(
        name=name,
        exists=True,
        modes=texts(section(body, "spec"), "accessModes"),
        phase=text(section(body, "status"), "phase"),
        deleting="deletionTimestamp" in meta,
        training=text(section(meta, "labels"), LABEL_NAME),
    )


def parse_event(body: JsonObject) -> KubernetesEvent:
    """Reads an Event of either API: the newer one has its time elsewhere.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    time = text(body, "lastTimestamp") or text(body, "eventTime")
    return KubernetesEvent(message=text(body, "message"), time=time)


def parse_owner(body: JsonObject) -> Owner | None:
    """The controller of any object; None when it has none.

    Raises:
        UnreadableError: a field is not what the API says.
    """
    for reference in sections(metadata_of(body), "ownerReferences"):
        if reference.get("controller"):
            return Owner(
                kind=text(reference, "kind"),
                name=text(reference, "name"),
                uid=text(reference, "uid"),
            )
    return None


def _moment(body: JsonObject, field: str) -> datetime | None:
    """The RFC 3339 time in a field, if there is one."""
    written = text(body, field)
    return datetime.fromisoformat(written) if written else None


def _small_number(written: str) -> int | None:
    """A number that a label or annotation holds; anybody may have written it."""
    return int(written) if written.isdecimal() and len(written) < 10 else None


def _unschedulable(placed: JsonObject) -> str:
    """The scheduler's message, if it finds no node."""
    return text(placed, "message") if placed.get("reason") == "Unschedulable" else ""


def _disruption(status: JsonObject, target: JsonObject | None) -> str:
    """Why the cluster takes the pod away; empty while it does not."""
    if target is None:
        # A kubelet that evicts says so here, and in the condition only since Kubernetes 1.26.
        return "TerminationByKubelet" if status.get("reason") == "Evicted" else ""
    return text(target, "reason") if target.get("status") == "True" else ""


def _exit(state: JsonObject) -> Exit:
    ended = section(state, "terminated")
    return Exit(
        code=whole(ended, "exitCode", 1),
        reason=text(ended, "reason"),
        message=termination(text(ended, "message")),
        finished=_moment(ended, "finishedAt"),
    )


def _kept_from_starting(states: Iterable[tuple[str, JsonObject]]) -> tuple[str, str] | None:
    """(reason, message) of the first container whose turn has come and that does not start."""
    for _, state in states:
        if "waiting" in state:
            waiting = section(state, "waiting")
            reason = text(waiting, "reason")
            if reason not in _COMING:
                return reason, text(waiting, "message")
    return None
