"""Labels find a training's own objects again, and nobody else's."""

from __future__ import annotations

import re

import pytest
from support.operator.making import NAME, OTHER_UID, UID
from unet_operator.api.labels import LABEL_ATTEMPT, LABEL_ROLE, SELECTOR, labels_of, selector_of
from unet_operator.api.names import MAX_NAME


def test_a_namesake_has_its_own_selector():
    assert selector_of(NAME, UID) != selector_of(NAME, OTHER_UID)


def test_every_label_carries_the_selector_of_its_training():
    labels = labels_of(NAME, UID, "worker", 3)
    assert selector_of(NAME, UID).items() <= labels.items()
    assert labels[LABEL_ROLE] == "worker"
    assert labels[LABEL_ATTEMPT] == "3"


def test_what_outlives_attempts_is_labelled_with_none():
    assert LABEL_ATTEMPT not in labels_of(NAME, UID, "network")


def test_the_watch_s_selector_matches_every_label_set():
    key, _, value = SELECTOR.partition("=")
    assert labels_of(NAME, UID, "stage", 0)[key] == value


@pytest.mark.parametrize("label", ["a" * MAX_NAME, UID, "launcher", "999"])
def test_label_values_fit(label):
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", label)
