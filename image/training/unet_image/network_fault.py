"""What a network does wrong, apart from what a disk does: the one is tried again, not the other."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3.exceptions


class NetworkFault(Exception):
    """A name, a connection, TLS or a body that was cut off; the same request may succeed.

    Args:
        cause: in a few words.
        wait: seconds that the server asked to be left alone for, if it did.
    """

    def __init__(self, cause: str, wait: float | None = None) -> None:
        super().__init__(cause)
        self.wait = wait


@contextmanager
def on_the_network() -> Iterator[None]:
    """Around a request or the reading of its body, and nothing else.

    Every error of the system is the network's there: a reset, a host without route, a broken
    TLS record, a time-out.

    Raises:
        NetworkFault: instead of any of them.
    """
    try:
        yield
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        raise NetworkFault(_words(error)) from error


def _words(error: Exception) -> str:
    """The cause at the root of what libraries wrap, e.g. `certificate verify failed`."""
    inner: object = error
    while isinstance(reason := getattr(inner, "reason", None), Exception):
        inner = reason
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
