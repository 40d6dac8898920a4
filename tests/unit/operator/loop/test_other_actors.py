"""The operator among others: who suspends, releases, edits, holds or deletes what is ours."""

from __future__ import annotations

import pytest
from support.operator.kubernetes.objects import going
from support.operator.kubernetes.others import HUGE
from support.operator.kubernetes.refusal import Refusal
from support.operator.making import NAME, NAMESPACE
from support.operator.quick_life import QuickLife
from support.operator.subject import terminal

STAGED = {"source": {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}}
EVERY_ROLE = ("worker", "launcher", "stage", "evaluate", "report")


def begun(role: str, **spec: object) -> QuickLife:
    """A life in which the Job of that role is at work."""
    life = QuickLife(**{"dataset": STAGED, **spec})
    life.settle()
    for _ in range(12):
        if life.live(role):
            return life
        life.carry_on()
    raise AssertionError(f"no {role} ever came: {life.status}")


def to_the_end(life: QuickLife) -> dict:
    """All goes well until the end; returns the status."""
    for _ in range(40):
        if terminal(life.read_status()):
            return life.status
        life.carry_on()
    raise AssertionError(f"never ends: {life.status}")


def job_of(life: QuickLife, role: str) -> str:
    """Name of the first Job of that role."""
    return life.job(role)["metadata"]["name"]


@pytest.mark.parametrize("role", ["stage", "evaluate", "report"])
def test_a_job_that_somebody_suspends_and_releases_does_its_work_after_all(role):
    life = begun(role)
    life.cluster.others.suspend(NAMESPACE, job_of(life, role))
    life.cluster.settle()
    life.wait(30)
    life.cluster.others.release(NAMESPACE, job_of(life, role))
    life.cluster.settle()
    status = to_the_end(life)
    assert status["phase"] == "Succeeded"
    assert status["failures"] == 0


@pytest.mark.parametrize("role", ["launcher", "worker"])
def test_an_attempt_that_somebody_suspends_is_no_failure(role):
    life = begun("launcher")
    life.cluster.others.suspend(NAMESPACE, job_of(life, role))
    life.cluster.settle()
    status = to_the_end(life)
    assert status["phase"] == "Succeeded"
    assert status["failures"] == 0


@pytest.mark.parametrize("role", ["worker", "launcher", "stage", "evaluate"])
def test_what_the_user_suspended_stays_so_whoever_releases_it(role):
    life = begun(role)
    life.change(runPolicy={"suspend": True})
    for _ in range(6):
        life.wait(30)
    assert life.status["phase"] == "Suspended"
    life.cluster.others.release(NAMESPACE, job_of(life, role))
    life.cluster.settle()
    for _ in range(6):
        life.wait(30)
    assert life.status["phase"] == "Suspended"
    assert not life.live(*EVERY_ROLE)


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_labels_and_annotations_of_others_are_neither_undone_nor_minded(role):
    life = begun(role)
    marks = {"labels": {"example.com/seen": "yes"}, "annotations": {"example.com/at": "noon"}}
    before = len(life.traffic.made("PATCH", "jobs"))
    life.cluster.others.edit(NAMESPACE, job_of(life, role), {"metadata": marks})
    life.wait(30)
    assert len(life.traffic.made("PATCH", "jobs")) == before
    assert life.job(role)["metadata"]["labels"]["example.com/seen"] == "yes"
    assert to_the_end(life)["attempt"] == 1


def test_fewer_workers_by_an_administrator_s_hand_end_the_attempt_and_not_the_training():
    life = begun("launcher")
    life.carry_on()
    life.cluster.others.edit(NAMESPACE, job_of(life, "worker"), {"spec": {"parallelism": 1}})
    life.cluster.settle()
    for _ in range(8):
        life.wait(30)
    status = to_the_end(life)
    assert (status["phase"], status["failures"]) == ("Succeeded", 0)


def test_the_pods_of_a_running_job_are_changed_by_nobody():
    life = begun("launcher")
    patch = {"spec": {"template": {"spec": {"nodeSelector": {"example.com/fast": "yes"}}}}}
    with pytest.raises(Refusal, match="immutable"):
        life.cluster.others.edit(NAMESPACE, job_of(life, "launcher"), patch)
    assert to_the_end(life)["phase"] == "Succeeded"


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_a_job_that_somebody_deletes_costs_no_failure(role):
    life = begun(role)
    life.cluster.others.delete(NAMESPACE, job_of(life, role))
    life.cluster.settle()
    status = to_the_end(life)
    assert (status["phase"], status["failures"]) == ("Succeeded", 0)


def test_a_job_that_a_finalizer_holds_is_deleted_once():
    life = begun("report", runPolicy={"cleanPodPolicy": "All"})
    held = job_of(life, "launcher")
    life.cluster.others.hold("jobs", NAMESPACE, held)
    to_the_end(life)
    for _ in range(6):
        life.wait(30)
    assert list(life.jobs()) == [held]
    assert going(life.jobs()[held])
    asked = [r for r in life.traffic.made("DELETE", "jobs") if r.address.name == held]
    assert len(asked) == 1
    life.cluster.others.let_go("jobs", NAMESPACE, held)
    assert life.jobs() == {}


def test_a_training_that_a_finalizer_holds_is_deleted_once_and_then_left_alone():
    life = begun("report", runPolicy={"ttlSecondsAfterFinished": 10})
    life.cluster.others.hold("unettrainings", NAMESPACE, NAME)
    to_the_end(life)
    for _ in range(6):
        life.wait(30)
    assert going(life.training)
    assert len(life.traffic.made("DELETE", "unettrainings")) == 1
    life.cluster.others.let_go("unettrainings", NAMESPACE, NAME)
    assert life.gone


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_fields_of_the_status_that_nobody_here_knows_change_nothing(role):
    life = begun(role)
    life.wait(30)
    before = life.read_status()
    life.cluster.others.spoil_status(NAMESPACE, NAME, novelty={"count": HUGE})
    life.settle()
    assert life.read_status() == before
    assert to_the_end(life)["attempt"] == 1


def test_a_huge_number_in_the_progress_of_an_earlier_look_is_borne():
    life = begun("launcher")
    life.cluster.others.spoil_status(NAMESPACE, NAME, training={"epoch": HUGE, "step": HUGE})
    assert to_the_end(life)["phase"] == "Succeeded"


@pytest.mark.parametrize("field", ["replicas", "slotsPerWorker"])
def test_a_huge_number_in_a_stored_spec_is_told_by_its_field(field):
    life = QuickLife()
    life.cluster.others.store_spec(NAMESPACE, NAME, workers={field: HUGE})
    for _ in range(3):
        life.wait(30)
    told = life.condition("Accepted")
    assert (told["status"], told["reason"]) == ("False", "InvalidSpec")
    assert f"spec.workers.{field}" in told["message"]
    assert life.created() == []
