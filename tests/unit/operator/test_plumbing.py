"""The queue, the store, merge patches and the CRD generator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from unet_operator import generate
from unet_operator.cluster import Bucket, Kind
from unet_operator.crd import definition, structural
from unet_operator.merge import merge_patch
from unet_operator.settings import from_environment
from unet_operator.store import Store
from unet_operator.workqueue import WorkQueue

ROOT = Path(__file__).resolve().parents[3]
JSON = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=2), JSON, max_size=4)


def merged(old, patch):
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_makes_one_of_the_other(old, new):
    assert merged(old, merge_patch(old, new)) == new


@given(OBJECTS)
def test_equal_objects_need_no_patch(same):
    assert merge_patch(same, same) == {}


def test_a_key_waits_once_and_comes_back_if_it_was_added_meanwhile():
    async def scenario():
        queue = WorkQueue()
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1
        assert await queue.take() == "a"
        queue.add("a")
        assert len(queue) == 0
        queue.done("a")
        assert len(queue) == 1

    asyncio.run(scenario())


def test_failures_come_back_later_and_later_until_one_goes_well():
    async def scenario():
        queue = WorkQueue()
        delays = []
        for _ in range(3):
            queue.add("a")
            await queue.take()
            delays.append(queue.done("a", failed=True))
        assert delays[0] < delays[1] < delays[2]
        queue.add("a")
        await queue.take()
        assert queue.done("a") == 0
        queue.close()

    asyncio.run(scenario())


def test_an_alarm_replaces_the_one_before():
    async def scenario():
        queue = WorkQueue()
        queue.later("a", 3600)
        queue.later("a", 0)
        assert await asyncio.wait_for(queue.take(), 5) == "a"

    asyncio.run(scenario())


def body(version: int, phase: str = "", uid: str = "u1"):
    """A training as read from the API server."""
    meta = {"namespace": "n", "name": "t", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": meta, "spec": {}, "status": {"phase": phase}}


def test_older_news_never_takes_back_what_is_newer():
    store = Store()
    key = store.put_training(body(9, "Succeeded"))
    store.put_training(body(8, "Training"))
    assert store.training(key)["status"]["phase"] == "Succeeded"


def test_the_end_of_an_older_namesake_does_not_remove_the_new_one():
    store = Store()
    key = store.put_training(body(9, uid="u2"))
    store.drop_training(body(10, uid="u1"))
    assert store.training(key) is not None


def test_a_list_removes_what_it_lacks_but_not_what_came_later():
    store = Store()
    key = store.put_training(body(5))
    assert store.keep_trainings([], 4) == set()
    assert store.keep_trainings([], 5) == {key}


def test_the_bucket_lets_a_burst_through_and_then_keeps_the_rate():
    clock = iter([0.0] * 5)
    bucket = Bucket(10, 2, lambda: next(clock))
    assert [bucket.delay() for _ in range(4)] == [0, 0, pytest.approx(0.1), pytest.approx(0.2)]


def test_paths_are_those_of_the_api():
    assert Kind("v1", "pods").path("n", "p", "log") == "/api/v1/namespaces/n/pods/p/log"
    assert Kind("batch/v1", "jobs").path(None) == "/apis/batch/v1/jobs"


@pytest.mark.parametrize(
    ("name", "text"),
    [("UNET_OPERATOR_QPS", "fast"), ("UNET_OPERATOR_WORKERS", "0"),
     ("UNET_OPERATOR_LOG_FORMAT", "xml")],
)  # fmt: skip
def test_a_wrong_setting_is_named(name, text):
    with pytest.raises(ValueError, match=name):
        from_environment({name: text})


@pytest.mark.parametrize(
    ("path", "text"),
    [("manifests/crd.yaml", generate.crd), ("docs/reference.md", generate.reference),
     ("charts/unet-operator/files/crd.yaml", generate.crd)],
)  # fmt: skip
def test_generated_files_are_fresh(path, text):
    assert (ROOT / path).read_text() == text(), "run: make crd"


def nodes(node, path=""):
    """Every field of a schema with its path."""
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")


def test_every_field_is_described_and_typed():
    root = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        for path, node in nodes(root["properties"][part], part):
            assert node["description"].endswith("."), path
            assert "type" in node or node.get("x-kubernetes-int-or-string"), path


def test_a_default_is_told_in_words():
    spec = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for path, node in nodes(spec, "spec"):
        if node.get("default") not in (None, "", [], {}):
            assert "Default: " in node["description"], path


def test_the_generator_refuses_what_it_does_not_know():
    class Odd(BaseModel):
        both: int | str

    with pytest.raises(ValueError, match="union of 2 types"):
        structural(Odd)
