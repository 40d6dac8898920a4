"""Lines of `key=value` words, that a person reads and a program parses.

A value with a space, a quote, a backslash, `=` or nothing in it is double-quoted, with
backslash escapes (docs/contract.md, progress lines).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORD = re.compile(r'([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:\s+|$)')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def format_line(fields: Mapping[str, object]) -> str:
    """One line without its end; fields whose value is None are left out."""
    return " ".join(f"{key}={_quoted(str(v))}" for key, v in fields.items() if v is not None)


def parse_line(line: str) -> dict[str, str] | None:
    """The fields of a line, or None when the line is not of this form from end to end."""
    line = line.strip()
    fields: dict[str, str] = {}
    position = 0
    while position < len(line):
        match = _WORD.match(line, position)
        if match is None:
            return None
        key, quoted, plain = match.groups()
        fields[key] = _unquoted(quoted) if quoted is not None else plain
        position = match.end()
    return fields or None


def _quoted(text: str) -> str:
    if text and not re.search(r'[\s="\\]', text):
        return text
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _UNESCAPES.get(m.group(1), m.group(1)), text)
