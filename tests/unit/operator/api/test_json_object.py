"""Fields of JSON objects: read with their type, or told by name when they are something else."""

from __future__ import annotations

import pytest
from unet_operator.api.json_object import (
    UnreadableError,
    name_of,
    required_text,
    resource_version,
    section,
    sections,
    text,
    texts,
    version_number,
    whole,
)

READERS = [
    (section, {"a": 1}),
    (sections, [{"a": 1}, {}]),
    (text, "words"),
    (required_text, "words"),
    (texts, ["one", "two"]),
    (whole, 3),
]


@pytest.mark.parametrize(("read", "value"), READERS)
def test_a_field_is_read_as_it_is(read, value):
    found = read({"field": value}, "field")
    assert found == (tuple(value) if read is texts else value)


@pytest.mark.parametrize(
    ("read", "nothing"), [(section, {}), (sections, ()), (text, ""), (texts, ()), (whole, 0)]
)
@pytest.mark.parametrize("body", [{}, {"field": None}], ids=["absent", "null"])
def test_a_field_that_is_absent_is_empty(read, nothing, body):
    assert read(body, "field") == nothing


def test_a_field_that_is_absent_may_have_a_default():
    assert text({}, "phase", "Pending") == "Pending"
    assert whole({}, "completions", 1) == 1
    assert whole({"completions": 0}, "completions", 1) == 0


@pytest.mark.parametrize("body", [{}, {"name": None}])
def test_a_field_that_every_object_has_must_be_there(body):
    with pytest.raises(UnreadableError, match="name: expected text, found NoneType"):
        required_text(body, "name")


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (section, "x", "str"),
        (section, [], "list"),
        (sections, {}, "dict"),
        (sections, ["x"], "str"),
        (text, 1, "int"),
        (texts, "x", "str"),
        (texts, [1], "list"),
        (whole, "1", "str"),
        (whole, 1.5, "float"),
    ],
)
def test_a_field_of_another_type_is_told_by_its_name_and_what_it_is(read, value, found):
    with pytest.raises(UnreadableError, match=f"field: expected .*, found {found}"):
        read({"field": value}, "field")


def test_an_object_is_known_by_its_metadata():
    body = {"metadata": {"name": "brain", "resourceVersion": "42"}}
    assert (name_of(body), resource_version(body)) == ("brain", "42")
    assert resource_version({}) == ""


@pytest.mark.parametrize(("written", "number"), [("12", 12), ("", 0), ("x", 0), ("²", 0)])
def test_a_version_that_is_no_number_is_older_than_all(written, number):
    assert version_number(written) == number
