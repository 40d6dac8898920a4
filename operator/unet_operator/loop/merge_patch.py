"""The merge patch that turns one JSON object into another (RFC 7396)."""

from __future__ import annotations

from collections.abc import Mapping

from unet_operator.api.json_object import JsonObject


def merge_patch(old: JsonObject, new: JsonObject) -> dict[str, object]:
    """What to send: changed keys with their value, removed keys with null; {} for no change."""
    patch: dict[str, object] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = merge_patch(before, value)
            if inner:
                patch[key] = inner
        elif value != before:
            patch[key] = value
    return patch
