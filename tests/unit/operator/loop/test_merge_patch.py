"""Merge patches: what is sent makes one object of the other, and nothing is sent in vain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unet_operator.loop.merge_patch import merge_patch

VALUES = st.integers(0, 2) | st.text("ab", max_size=2) | st.lists(st.integers(0, 2), max_size=2)
KEYS = st.text("ab", max_size=2)
OBJECTS = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=3),
    max_leaves=4,
)


def merged(old, patch):
    """RFC 7396, as the API server does it."""
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


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": 1}, {"a": {}}, {"a": {}}),
    ],
)
def test_only_what_changed_is_sent(old, new, patch):
    assert merge_patch(old, new) == patch
