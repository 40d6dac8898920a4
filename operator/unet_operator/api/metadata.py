"""The part of an object's metadata that the operator reads."""

from __future__ import annotations

from unet_operator.api.schema import Lenient


class Metadata(Lenient):
    """Who an object is; unknown fields pass."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    deletion_timestamp: str | None = None
