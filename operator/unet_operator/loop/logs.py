"""Structured logs: one JSON object a line, with the training's name where there is one."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_FIELDS = ("training", "phase", "attempt", "identity")
"""What a line says besides, where its record has it: libraries put anything into theirs."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object: time, level, logger, message, our fields, and the exception."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {f: getattr(record, f) for f in _FIELDS if hasattr(record, f)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class PlainFormatter(logging.Formatter):
    """Formats a record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, the training if there is one, and the message; the exception below."""
        moment = datetime.fromtimestamp(record.created, UTC)
        training = f"[{record.training}] " if hasattr(record, "training") else ""
        line = f"{moment:%H:%M:%S} {record.levelname:<7} {training}{record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(kind: str) -> None:
    """Sends all logs to stderr; `kind` is json or plain."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if kind == "json" else PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # kopf tells of each event it hands over; what matters of them we log ourselves.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
