"""Names fit where Kubernetes puts them, and never meet by accident."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from support.operator.making import NAME, UID, training
from unet_operator.api import names
from unet_operator.api.spec import Evaluation, Workers

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


def test_a_namesake_has_its_own_secret_run_folder_and_selector():
    other = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"
    assert names.secret(NAME, UID, 1) != names.secret(NAME, other, 1)
    assert names.run_folder(NAME, UID) != names.run_folder(NAME, other)
    assert names.selector(NAME, UID) != names.selector(NAME, other)


def test_every_label_carries_the_selector_of_its_training():
    labels = names.labels(NAME, UID, "worker", 3)
    assert names.selector(NAME, UID).items() <= labels.items()
    assert labels[names.LABEL_ROLE] == "worker"
    assert labels[names.LABEL_ATTEMPT] == "3"


def test_what_outlives_attempts_is_labelled_with_none():
    assert names.LABEL_ATTEMPT not in names.labels(NAME, UID, "network")


def test_the_watch_s_selector_matches_every_label_set():
    key, _, value = names.SELECTOR.partition("=")
    assert names.labels(training().name, UID, "stage", 0)[key] == value


@pytest.mark.parametrize("label", [LONGEST, UID, "launcher", "999"])
def test_label_values_fit(label):
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", label)
