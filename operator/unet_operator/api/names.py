"""Names of everything a training owns.

All are functions of the training's name, the attempt and the round, so that a late event of
an older attempt cannot be mistaken and a second create meets the first.  The host
name of a pod of an Indexed Job is JOB-INDEX and must fit in one DNS label (63).
"""

from __future__ import annotations

MAX_NAME = 63 - len("-evaluate-999-255")
"""Longest name of a training: an evaluation pod's host name is the longest of its pods'."""


def service(name: str) -> str:
    """The headless Service that gives workers their host names."""
    return f"{name}-mpi"


def network_policy(name: str) -> str:
    """The NetworkPolicy that lets only this training's pods talk to each other."""
    return f"{name}-mpi"


def stage(name: str) -> str:
    """The Job that fetches the data set."""
    return f"{name}-stage"


def worker(name: str, attempt: int) -> str:
    """The Indexed Job of the workers."""
    return f"{name}-worker-{attempt}"


def worker_host(name: str, attempt: int, index: int) -> str:
    """A worker's host name as the hostfile and known_hosts spell it."""
    return f"{worker(name, attempt)}-{index}.{service(name)}"


def launcher(name: str, attempt: int) -> str:
    """The Job of the launcher."""
    return f"{name}-launcher-{attempt}"


def config(name: str, attempt: int) -> str:
    """The ConfigMap with hostfile, arguments and the spec's snapshot."""
    return f"{name}-config-{attempt}"


def secret(name: str, uid: str, attempt: int) -> str:
    """The Secret with the attempt's ssh keys.

    It carries the resource's uid because the operator may not read Secrets: the name alone
    must tell that an existing one is ours.
    """
    return f"{name}-ssh-{uid8(uid)}-{attempt}"


def pod_group(name: str, attempt: int) -> str:
    """The PodGroup of the workers."""
    return worker(name, attempt)


def evaluate(name: str, round_: int) -> str:
    """The Indexed Job of the evaluation shards."""
    return f"{name}-evaluate-{round_}"


def report(name: str, round_: int) -> str:
    """The Job that merges the shards and prints the Dice table."""
    return f"{name}-report-{round_}"


def output_claim(name: str) -> str:
    """The claim made from output.volumeClaimTemplate."""
    return f"{name}-output"


def uid8(uid: str) -> str:
    """The first eight digits of a uid."""
    return uid.replace("-", "")[:8]
