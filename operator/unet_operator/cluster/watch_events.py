"""What a watch says: one JSON line for each change."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

import aiohttp

from unet_operator.api.json_object import (
    JsonObject,
    UnreadableError,
    required_text,
    section,
    text,
    whole,
)
from unet_operator.cluster.errors import ApiError, garbled, no_answer
from unet_operator.cluster.transport import LOST, parse


class WatchEvent(NamedTuple):
    """A change of an object, or a bookmark."""

    type: str
    """ADDED, MODIFIED, DELETED or BOOKMARK."""
    object: JsonObject
    """As it is now, or was last; of a bookmark only metadata.resourceVersion counts."""


async def watch_events(response: aiohttp.ClientResponse) -> AsyncGenerator[WatchEvent, None]:
    """Reads the answer to a watch until it ends, then closes it.

    Raises:
        ApiError: the API server reports an error (410: list anew), or the connection is lost.
    """
    try:
        while line := await response.content.readline():
            yield _event(line)
    except LOST as error:
        raise no_answer(error) from error
    finally:
        response.close()


def _event(line: bytes) -> WatchEvent:
    change = parse(line)
    try:
        kind, body = required_text(change, "type"), section(change, "object")
    except UnreadableError as error:
        raise garbled(line, "watch event") from error
    if kind == "ERROR":
        raise ApiError(whole(body, "code"), text(body, "reason"), text(body, "message"))
    return WatchEvent(kind, body)
