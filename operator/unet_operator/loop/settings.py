"""What the operator's own installation decides, read from its environment once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from unet_operator.api.schema import NAME_PATTERN
from unet_operator.api.timing import LOOK_SECONDS


@dataclass(frozen=True)
class Settings:
    """The operator's settings; the chart sets each by a variable of the same meaning."""

    training_image: str = ""
    """Image of trainings that name none."""
    training_pull_secrets: tuple[str, ...] = ()
    """Secrets of the image registry that every training's pods get, beside its own."""
    namespace: str = ""
    """The only namespace to serve; empty serves all."""
    own_namespace: str = "default"
    """Namespace of the leader's Lease."""
    identity: str = "unet-operator"
    """Name of this replica."""
    port: int = 8080
    """Port of probes and metrics."""
    workers: int = 8
    """Trainings reconciled at the same time."""
    qps: float = 100.0
    """Requests a second to the API server, in the long run."""
    burst: int = 200
    """Requests at once above that rate."""
    leader_election: bool = True
    """Whether to hold a Lease before acting."""
    log_format: str = "json"
    """json or plain."""
    lease_seconds: int = 15
    """Seconds until another replica may take over from one that died."""
    look_seconds: float = LOOK_SECONDS
    """Seconds between two looks at what no watch reports; more than the default find nothing."""


def from_environment(env: Mapping[str, str]) -> Settings:
    """Reads UNET_OPERATOR_* and the pod's own names.

    Raises:
        ValueError: a variable does not hold what it should; the message names it.
    """
    base = Settings()
    return Settings(
        training_image=env.get("UNET_OPERATOR_TRAINING_IMAGE", ""),
        training_pull_secrets=_names(env, "UNET_OPERATOR_TRAINING_PULL_SECRETS"),
        namespace=env.get("UNET_OPERATOR_NAMESPACE", ""),
        own_namespace=env.get("POD_NAMESPACE", base.own_namespace),
        # Two replicas of one name would both hold the Lease.
        identity=env.get("POD_NAME") or env.get("HOSTNAME") or f"{base.identity}-{uuid4().hex[:8]}",
        port=_whole(env, "UNET_OPERATOR_PORT", base.port, most=65_535),
        workers=_whole(env, "UNET_OPERATOR_WORKERS", base.workers),
        qps=_number(env, "UNET_OPERATOR_QPS", base.qps),
        burst=_whole(env, "UNET_OPERATOR_BURST", base.burst),
        leader_election=_choice(env, "UNET_OPERATOR_LEADER_ELECTION", ("true", "false")) == "true",
        log_format=_choice(env, "UNET_OPERATOR_LOG_FORMAT", ("json", "plain")),
        lease_seconds=_whole(env, "UNET_OPERATOR_LEASE_SECONDS", base.lease_seconds, most=3600),
        look_seconds=_number(
            env, "UNET_OPERATOR_LOOK_SECONDS", base.look_seconds, most=LOOK_SECONDS
        ),
    )


def _number(env: Mapping[str, str], name: str, default: float, most: float = math.inf) -> float:
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (0 < value <= most and value < math.inf):
        limit = "" if most == math.inf else f" and at most {most:g}"
        raise ValueError(
            f"{name}: {text!r} is not a number above 0{limit}; correct it or leave it out"
        )
    return value


def _whole(env: Mapping[str, str], name: str, default: int, most: int = 100_000) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not (text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise ValueError(
            f"{name}: {text!r} is not a whole number from 1 to {most}; correct it or leave it out"
        )
    return int(text)


def _names(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Names of Kubernetes objects, divided by commas; each once."""
    found = [part.strip() for part in env.get(name, "").split(",") if part.strip()]
    for part in found:
        if len(part) > 253 or not re.fullmatch(NAME_PATTERN, part):
            raise ValueError(
                f"{name}: {part!r} is no name of a Secret (lower-case letters, digits, - and .); "
                "correct it or leave it out"
            )
    return tuple(dict.fromkeys(found))


def _choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    text = env.get(name) or allowed[0]
    if text not in allowed:
        raise ValueError(f"{name}: {text!r} is not one of {', '.join(allowed)}")
    return text
