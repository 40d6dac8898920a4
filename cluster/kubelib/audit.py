"""Reads the audit log of `up --audit`: who asked the API server for what, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One request that was answered.

    Attributes:
        time: when it was received, UTC.
        user: who asked.
        verb: get, list, create, update, patch, delete or deletecollection.
        resource: the plural, with its subresource after a slash: `pods/log`.
        namespace: where; empty for what has none.
        name: of the object; empty where the API server was to choose it.
        code: the HTTP status.
    """

    time: datetime
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def writes(self) -> bool:
        """Whether it changed something."""
        return self.verb in ("create", "update", "patch", "delete") and self.code < 300


def read(log: Path, since: datetime) -> list[Request]:
    """The requests received since a moment, oldest first, over all files of a rotated log."""
    files = [p for p in log.parent.glob(f"{log.stem}*{log.suffix}") if _written(p) >= since]
    found = [request for file in files for request in _requests(file, since)]
    return sorted(found, key=lambda request: request.time)


def _written(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _requests(file: Path, since: datetime) -> Iterator[Request]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:  # the last line, still being written
                continue
            time = datetime.fromisoformat(event["requestReceivedTimestamp"].replace("Z", "+00:00"))
            about = event.get("objectRef")
            if time < since or about is None or event["verb"] == "watch":
                continue
            sub = about.get("subresource")
            yield Request(
                time=time,
                user=event["user"]["username"],
                verb=event["verb"],
                resource=about["resource"] + (f"/{sub}" if sub else ""),
                namespace=about.get("namespace", ""),
                name=about.get("name", ""),
                code=event.get("responseStatus", {}).get("code", 0),
            )
