"""A UNetTraining as it is read: defaults, frozen models, faults with their path."""

from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError
from support.operator.bodies import training_body
from support.operator.making import NAME, NAMESPACE, SPEC, UID, training
from unet_operator.api.resource import InvalidSpec, metadata, parse, status
from unet_operator.api.schema import Model
from unet_operator.api.spec import Spec
from unet_operator.api.status import Condition, Status


def test_the_smallest_spec_has_the_documented_defaults():
    spec = parse(training_body()).spec
    train, policy = spec.training, spec.run_policy
    assert (train.epochs, train.batch_size, train.patch_size) == (40, "auto", "auto")
    assert (train.learning_rate, train.precision, train.seed) == (None, "auto", 816)
    assert (train.validation_fraction, train.extra_args) == (0.15, [])
    assert (spec.workers.replicas, spec.workers.slots_per_worker) == (2, 1)
    assert (spec.workers.min_replicas, spec.workers.topology_key) == (None, None)
    assert (policy.suspend, policy.backoff_limit, policy.clean_pod_policy) == (False, 3, "Running")
    assert (policy.active_deadline_seconds, policy.ttl_seconds_after_finished) == (None, None)
    assert policy.gang == "auto"
    assert (spec.evaluation.enabled, spec.evaluation.parallelism, spec.evaluation.round) == (
        True,
        1,
        1,
    )
    assert (spec.output.retain, spec.image, spec.image_pull_policy) == (True, None, "IfNotPresent")
    assert (spec.pods.run_as_user, spec.pods.fs_group) == (65532, 65532)


def test_defaults_of_resources_run_on_nodes_of_one_core():
    spec = parse(training_body()).spec
    for wanted in (spec.workers.resources, spec.evaluation.resources, spec.launcher.resources):
        assert wanted.limits.get("cpu", "1") == "1"
        assert wanted.requests["memory"]


def test_the_metadata_that_matters_is_read():
    body = training_body(at=7)
    body["metadata"] |= {"generation": 3, "labels": {"a": "b"}, "managedFields": []}
    found = metadata(body)
    assert (found.name, found.namespace, found.uid) == (NAME, NAMESPACE, UID)
    assert (found.generation, found.resource_version) == (3, "7")
    assert found.deletion_timestamp is None


@pytest.mark.parametrize(
    ("section", "fields", "path"),
    [
        ("training", {"epoch": 3}, "spec.training.epoch"),
        ("training", {"epochs": "many"}, "spec.training.epochs"),
        ("training", {"epochs": 0}, "spec.training.epochs"),
        ("training", {"batchSize": "much"}, "spec.training.batchSize"),
        ("workers", {"replicas": 10**6}, "spec.workers.replicas"),
        ("workers", {"slotsPerWorker": -1}, "spec.workers.slotsPerWorker"),
        ("dataset", {"task": "../x"}, "spec.dataset.task"),
        ("dataset", {"volume": {}}, "spec.dataset.volume.claimName"),
        ("mpi", {"env": [{"name": "1X"}]}, "spec.mpi.env.0.name"),
        ("runPolicy", {"cleanPodPolicy": "Some"}, "spec.runPolicy.cleanPodPolicy"),
        ("extra", {"a": 1}, "spec.extra"),
    ],
)
def test_a_fault_is_told_with_its_path_as_the_user_wrote_it(section, fields, path):
    with pytest.raises(InvalidSpec) as told:
        parse(training_body(**{section: fields}))
    assert f"{path}" in str(told.value)
    assert "CRD" in str(told.value)


def test_of_many_faults_the_first_five_are_told():
    with pytest.raises(InvalidSpec) as told:
        parse(training_body(training={f"x{n}": 1 for n in range(9)}))
    assert str(told.value).count("spec.training.x") == 5


@pytest.mark.parametrize("body", [{"spec": {}}, {"spec": None}, {}])
def test_without_a_spec_it_is_a_fault_and_no_crash(body):
    with pytest.raises(InvalidSpec, match=r"spec\.dataset"):
        parse({**training_body(), "spec": None, **body})


@pytest.mark.parametrize("kept", [{}, None, {"phase": "Dreaming"}, {"attempt": "first"}])
def test_a_status_that_cannot_be_read_is_an_empty_one(kept):
    assert status({"status": kept}) == Status()


def test_a_status_of_a_newer_operator_is_read_as_far_as_it_is_known():
    assert status({"status": {"attempt": 3, "novelty": {"a": 1}}}).attempt == 3


def test_what_is_read_of_a_status_is_what_was_written():
    from support.operator.making import NOW

    told = Status(
        phase="Training",
        attempt=2,
        conditions=[
            Condition(type="Accepted", status="True", last_transition_time=NOW, reason="Accepted")
        ],
        next_attempt_time=NOW,
    )
    written = told.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert written["nextAttemptTime"] == "2026-03-01T12:00:00Z"
    assert status({"status": written}) == told


def test_conditions_answer_for_those_that_were_never_set():
    assert Status().condition("Trained") is None
    assert Status().holds("Trained") is False
    assert Status().reason("Trained") == ""


def test_the_output_s_claim_is_the_user_s_or_the_one_to_create():
    template = {"claimName": None, "volumeClaimTemplate": {"size": "1Gi"}}
    assert training().output_claim == "results"
    assert training(output=template).output_claim == f"{NAME}-output"


def models(model: type[Model]):
    """A model and all that are inside it."""
    yield model
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, Model):
                yield from models(inner)


@pytest.mark.parametrize("model", sorted(set(models(Spec)), key=lambda m: m.__name__))
def test_every_section_is_frozen_and_knows_its_fields(model):
    assert model.model_config["frozen"] is True
    assert model.model_config["extra"] == "forbid"


def test_a_parsed_training_cannot_be_changed():
    subject = parse(training_body())
    with pytest.raises(ValidationError):
        subject.spec.training.epochs = 3


def test_reading_changes_nothing_of_what_is_read():
    body = training_body()
    before = copy.deepcopy(body)
    parse(body)
    assert body == before
    assert body["spec"] == SPEC
