"""The store: newer beats older, namesakes are kept apart, lists take away what is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.operator.bodies import job_body, pod_body, training_body
from support.operator.making import NAME, NAMESPACE, UID
from unet_operator.api.labels import LABEL_NAME
from unet_operator.observe.store import Store

KEY = (NAMESPACE, NAME)
OTHER = "99999999-7fb9-4fe8-a680-3ee57bd6ea30"


def phased(at: int, phase: str, uid: str = UID) -> dict:
    """A training of that version in that phase."""
    return training_body(uid=uid, at=at, status={"phase": phase})


def test_a_training_is_found_by_namespace_and_name():
    store = Store()
    assert store.put_training(phased(1, "Pending")).key == KEY
    assert store.training(KEY).phase == "Pending"
    assert store.training((NAMESPACE, "other")) is None
    assert [training.key for training in store.trainings()] == [KEY]


def test_older_news_never_takes_back_what_is_newer():
    store = Store()
    store.put_training(phased(9, "Succeeded"))
    store.put_training(phased(8, "Training"))
    assert store.training(KEY).phase == "Succeeded"


@given(st.permutations(range(1, 7)))
def test_in_whatever_order_news_comes_the_newest_stays(order):
    store = Store()
    for at in order:
        store.put_training(phased(at, str(at)))
        store.put("jobs", job_body(at=at, spec={"completions": at}))
        store.put("pods", pod_body(index=0, at=at, status={"phase": str(at)}))
    assert store.training(KEY).phase == "6"
    assert store.jobs(KEY, UID)["brain-worker-1"].completions == 6
    assert store.pods(KEY, UID)[0].phase == "6"


def test_what_is_kept_of_a_training_is_what_decisions_need():
    body = phased(3, "Pending")
    body["metadata"] |= {"managedFields": ["much"], "annotations": {"a": "b"}}
    store = Store()
    store.put_training(body)
    kept = store.training(KEY).body
    assert set(kept) == {"metadata", "spec", "status"}
    assert set(kept["metadata"]) == {"name", "namespace", "uid", "generation", "resourceVersion"}


def test_a_training_that_was_deleted_is_forgotten():
    store = Store()
    store.put_training(phased(1, "Pending"))
    store.drop_training(KEY, UID)
    assert store.training(KEY) is None


def test_the_end_of_an_older_namesake_does_not_remove_the_new_one():
    store = Store()
    store.put_training(phased(9, "Pending", OTHER))
    store.drop_training(KEY, UID)
    assert store.training(KEY).uid == OTHER


def test_the_end_of_what_was_never_seen_is_no_news():
    store = Store()
    store.drop_training(KEY, UID)
    store.drop("pods", pod_body())
    store.drop("jobs", job_body())
    assert list(store.trainings()) == []


def test_a_list_removes_what_it_lacks_but_not_what_came_later():
    store = Store()
    store.put_training(phased(5, "Pending"))
    assert store.keep_trainings([], "4") == set()
    assert store.keep_trainings([], "5") == {KEY}
    assert store.training(KEY) is None


def test_a_list_keeps_what_it_holds():
    store = Store()
    store.put_training(phased(5, "Pending"))
    assert store.keep_trainings({KEY}, "6") == set()
    assert store.training(KEY) is not None


def test_jobs_are_the_training_s_own_by_uid():
    store = Store()
    store.put("jobs", job_body("worker"))
    store.put("jobs", job_body("launcher", owner=OTHER))
    assert list(store.jobs(KEY, UID)) == ["brain-worker-1"]
    assert list(store.jobs(KEY, OTHER)) == ["brain-launcher-1"]
    assert store.jobs((NAMESPACE, "other"), UID) == {}


def test_pods_of_a_deleted_namesake_are_not_the_new_one_s():
    store = Store()
    store.put("pods", pod_body(index=0, owner=OTHER, deletionTimestamp="2026-03-01T12:00:00Z"))
    assert store.pods(KEY, UID) == ()
    assert len(store.pods(KEY, OTHER)) == 1


@pytest.mark.parametrize("kind", ["jobs", "pods"])
def test_what_is_deleted_is_forgotten_unless_another_has_its_name(kind):
    make = {"jobs": job_body, "pods": pod_body}[kind]
    store = Store()

    def found():
        return store.jobs(KEY, UID) if kind == "jobs" else store.pods(KEY, UID)

    store.put(kind, make(name="x", uid="second", at=5))
    store.drop(kind, make(name="x", uid="first", at=6))
    assert len(found()) == 1
    store.drop(kind, make(name="x", uid="second", at=7))
    assert len(found()) == 0


@pytest.mark.parametrize("kind", ["jobs", "pods"])
def test_a_list_of_children_removes_what_it_lacks_but_not_what_came_later(kind):
    make = {"jobs": job_body, "pods": pod_body}[kind]
    store = Store()
    store.put(kind, make(name="listed", uid="listed", at=5))
    store.put(kind, make(name="gone", uid="gone", at=5))
    store.put(kind, make(name="later", uid="later", at=9))
    assert store.keep(kind, {"listed"}, "8") == {KEY}
    found = store.jobs(KEY, UID) if kind == "jobs" else {p.name for p in store.pods(KEY, UID)}
    assert set(found) == {"listed", "later"}
    assert store.keep(kind, {"listed", "later"}, "9") == set()


def test_jobs_and_pods_of_one_name_do_not_meet():
    store = Store()
    store.put("jobs", job_body(name="x", uid="j"))
    store.put("pods", pod_body(name="x", uid="p"))
    store.drop("pods", pod_body(name="x", uid="p"))
    assert list(store.jobs(KEY, UID)) == ["x"]


def test_nothing_is_left_of_what_is_gone():
    store = Store()
    store.put("pods", pod_body(index=0))
    store.drop("pods", pod_body(index=0))
    store.drop("pods", pod_body(index=1))
    store.keep("jobs", set(), str(10**9))
    assert not any((store._pods, store._jobs, store._trainings))


def test_children_without_our_name_label_belong_to_nobody():
    body = pod_body(index=0)
    del body["metadata"]["labels"][LABEL_NAME]
    assert Store().put("pods", body) == (NAMESPACE, "")
