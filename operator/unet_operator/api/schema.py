"""The base of every model of the resource, and the small types its fields share.

Kept apart from `api` so that the models read as a list of fields: what a quantity is or
how camelCase comes about is said once, here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

GROUP = "unet.dev"
VERSION = "v1alpha1"
KIND = "UNetTraining"
PLURAL = "unettrainings"
API_VERSION = f"{GROUP}/{VERSION}"

_NUMBER = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY_PATTERN = rf"^\+?{_NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{_NUMBER}))?$"
"""The pattern of apimachinery's resource.Quantity without its minus."""


class Model(BaseModel):
    """A frozen model with camelCase names on the wire; unknown fields are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Lenient(Model):
    """A model of what was written earlier, maybe by another version: unknown fields pass."""

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def readable(cls, raw: Mapping[str, object]) -> Self:
        """The model less the fields that hold something else than they should."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            wrong = {fault["loc"][0] for fault in error.errors()}
            return cls.model_validate({k: v for k, v in raw.items() if k not in wrong})


NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
Name = Annotated[str, Field(min_length=1, max_length=253, pattern=NAME_PATTERN)]
"""Name of a Kubernetes object."""

Text = Annotated[str, Field(min_length=1, max_length=512)]
"""A short free text, bounded so that the API server can bound the cost of the rules."""

Quantity = Annotated[
    int | str,
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": QUANTITY_PATTERN,
            "minimum": 0,
            "x-kubernetes-int-or-string": True,
        }
    ),
]
"""A Kubernetes quantity: 2, 500m, 4Gi."""


def rules(*pairs: tuple[str, str]) -> dict[str, JsonValue]:
    """CEL rules of a schema node, each a pair of (rule, message)."""
    return {"x-kubernetes-validations": [{"rule": r, "message": m} for r, m in pairs]}


def set_of() -> dict[str, JsonValue]:
    """Marks a list as a set: the API server refuses duplicates."""
    return {"x-kubernetes-list-type": "set"}
