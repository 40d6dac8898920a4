"""The type of JSON, and of an object as the API server takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Manifest: TypeAlias = dict[str, Json]
"""An object, or a part of one, that is being built."""
