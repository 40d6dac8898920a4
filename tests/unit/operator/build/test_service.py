"""The host names of the workers."""

from __future__ import annotations

from support.operator.built import matches
from support.operator.making import NAME, OTHER_UID, UID, training
from unet_operator.api.labels import labels_of
from unet_operator.build.service import service


def test_the_service_names_this_training_s_workers_and_no_others():
    selector = service(training())["spec"]["selector"]
    assert matches(selector, labels_of(NAME, UID, "worker", 7))
    assert not matches(selector, labels_of(NAME, UID, "launcher", 7))
    assert not matches(selector, labels_of(NAME, OTHER_UID, "worker", 7)), "a deleted namesake's"
    assert not matches(selector, labels_of("other", UID, "worker", 7))
