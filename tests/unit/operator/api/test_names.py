"""Names fit where Kubernetes puts them, and never meet by accident."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from support.operator.making import NAME, OTHER_UID, UID
from unet_operator.api import names
from unet_operator.api.spec.evaluation import Evaluation
from unet_operator.api.spec.workers import Workers

LONGEST = "a" * names.MAX_NAME
LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def bound(model, field: str, kind: str) -> int:
    """A bound of a field, as its model states it."""
    limits = model.model_fields[field].metadata
    return next(getattr(limit, kind) for limit in limits if hasattr(limit, kind))


ROUND = bound(Evaluation, "round", "le")
SHARD = bound(Evaluation, "parallelism", "le") - 1
WORKER = bound(Workers, "replicas", "le") - 1


@pytest.mark.parametrize(
    "host",
    [
        f"{names.evaluate(LONGEST, ROUND)}-{SHARD}",
        f"{names.worker(LONGEST, 999)}-{WORKER}",
        names.launcher(LONGEST, 99_999),
        names.report(LONGEST, ROUND),
        names.stage(LONGEST),
        names.service(LONGEST),
    ],
)
def test_the_longest_training_s_host_names_are_dns_labels(host):
    assert LABEL.fullmatch(host), f"{host} has {len(host)} characters"


def test_one_character_more_would_not_fit():
    assert len(f"{names.evaluate(LONGEST + 'a', ROUND)}-{SHARD}") == 64


def test_names_of_a_training_never_meet():
    made = [
        names.stage(NAME),
        names.service(NAME),
        names.output_claim(NAME),
        *(
            maker(NAME, number)
            for number in (1, 2, 11)
            for maker in (
                names.worker,
                names.launcher,
                names.config,
                names.evaluate,
                names.report,
            )
        ),
        *(names.secret(NAME, UID, number) for number in (1, 2, 11)),
    ]
    assert all(one != other for one, other in combinations(made, 2))


def test_a_worker_s_host_is_its_pod_s_host_name_below_the_service():
    assert names.worker_host(NAME, 2, 5) == "brain-worker-2-5.brain-mpi"


def test_a_namesake_has_its_own_secret():
    assert names.secret(NAME, UID, 1) != names.secret(NAME, OTHER_UID, 1)
