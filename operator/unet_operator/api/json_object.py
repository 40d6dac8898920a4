"""A Kubernetes object as JSON, whose fields are read with their type checked.

`cluster` hands objects over as they came; who wants a field of one reads it with the functions
below, once, into a model.  They are plain functions and not pydantic because every change of
every pod of ours goes through them (docs/decisions.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

JsonObject = Mapping[str, object]
"""An object as the API server gives it, or takes it; nothing is known of its fields yet."""

_EMPTY: JsonObject = {}


class UnreadableError(ValueError):
    """A field is missing or holds something else than its API says; the message names it."""


def section(body: JsonObject, field: str) -> JsonObject:
    """The object in a field; an empty one when the field is absent.

    Raises:
        UnreadableError: it is no object.
    """
    value = body.get(field)
    if isinstance(value, dict):
        return value
    if value is None:
        return _EMPTY
    raise _wrong(field, "an object", value)


def sections(body: JsonObject, field: str) -> Sequence[JsonObject]:
    """The objects in a field that is a list of them; none when the field is absent.

    Raises:
        UnreadableError: it is no list of objects.
    """
    value = body.get(field)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _wrong(field, "a list", value)
    for item in value:
        if not isinstance(item, dict):
            raise _wrong(field, "a list of objects", item)
    return value


def text(body: JsonObject, field: str, default: str = "") -> str:
    """The text in a field; `default` when the field is absent.

    Raises:
        UnreadableError: it is no text.
    """
    value = body.get(field)
    if isinstance(value, str):
        return value
    if value is None:
        return default
    raise _wrong(field, "text", value)


def required_text(body: JsonObject, field: str) -> str:
    """The text in a field that every such object has.

    Raises:
        UnreadableError: it is absent or no text.
    """
    value = body.get(field)
    if isinstance(value, str):
        return value
    raise _wrong(field, "text", value)


def texts(body: JsonObject, field: str) -> tuple[str, ...]:
    """The texts in a field that is a list of them; none when the field is absent.

    Raises:
        UnreadableError: it is no list of texts.
    """
    value = body.get(field)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _wrong(field, "a list of texts", value)


def whole(body: JsonObject, field: str, default: int = 0) -> int:
    """The whole number in a field; `default` when the field is absent.

    Raises:
        UnreadableError: it is no whole number.
    """
    value = body.get(field)
    if value is None:
        return default
    if isinstance(value, int):
        return value
    raise _wrong(field, "a whole number", value)


def metadata_of(body: JsonObject) -> JsonObject:
    """metadata, which every object has."""
    return section(body, "metadata")


def name_of(body: JsonObject) -> str:
    """metadata.name."""
    return required_text(metadata_of(body), "name")


def resource_version(body: JsonObject) -> str:
    """metadata.resourceVersion as it came: what is sent back to the API server."""
    return text(metadata_of(body), "resourceVersion")


def version_number(version: str) -> int:
    """A resourceVersion as a number, to tell the newer of two: Kubernetes promises that they
    compare so (KEP-5504).  0, older than all, for what is no number."""
    return int(version) if version.isdecimal() else 0


def _wrong(field: str, expected: str, value: object) -> UnreadableError:
    return UnreadableError(f"{field}: expected {expected}, found {type(value).__name__}")
