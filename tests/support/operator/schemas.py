"""Walks the generated schema, field by field."""

from __future__ import annotations

from collections.abc import Iterator

from unet_operator.api.crd import definition

VERSION = definition()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC_SCHEMA, STATUS_SCHEMA = (SCHEMA["properties"][part] for part in ("spec", "status"))


def fields(node: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Every field of a schema with its path."""
    for name, child in node.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield here, child
        yield from fields(child, here)
        if "items" in child:
            yield from fields(child["items"], f"{here}[]")


ALL_FIELDS = [
    *fields(SPEC_SCHEMA, "spec"),
    *fields(STATUS_SCHEMA, "status"),
]
