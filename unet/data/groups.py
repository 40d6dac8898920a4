"""Which cases belong to one patient, and so must not be divided between training and validation."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from unet.system.errors import DataError, UsageError
from unet.system.os_error import while_reading

COLUMNS = ("case", "group")


def read_groups(file: Path, cases: Sequence[str]) -> dict[str, str]:
    """Group by case, from a table with the columns `case` and `group`.

    Args:
        file: CSV, or TSV where its first line has a tab.
        cases: ids of the data set, each of which must be in it once.

    Raises:
        UsageError: the file cannot be read or lacks a column.
        DataError: a case is missing, unknown or there twice, or has no group.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError("--groups", f"{file}: no such file", "give a CSV of case,group") from error
    except OSError as error:
        raise while_reading(file, error) from error
    except UnicodeDecodeError as error:
        raise UsageError("--groups", f"{file}: no text in UTF-8", "save it as UTF-8") from error
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    try:
        columns = reader.fieldnames or ()
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:  # a cell longer than the module takes
        where = f"{file}: line {reader.line_num + 1}"
        raise DataError(where, f"no table ({error})", "correct the table") from error
    if not set(COLUMNS) <= set(columns):
        found = f"{file}: columns {', '.join(columns) or 'none'}"
        raise UsageError("--groups", found, "name two of them case and group")
    known, groups = set(cases), dict[str, str]()
    for line, row in rows:
        case, group = (row["case"] or "").strip(), (row["group"] or "").strip()
        where, remedy = f"{file}: line {line}", "correct the table"
        if case not in known:
            raise DataError(where, f"{case!r} is no case of the data set", remedy)
        if case in groups:
            raise DataError(where, f"{case!r} is there twice", remedy)
        if not group:
            raise DataError(where, f"{case!r} has no group", remedy)
        groups[case] = group
    if missing := [case for case in cases if case not in groups]:
        found = f"{len(missing)} cases are not in it, such as {missing[0]!r}"
        raise DataError(str(file), found, "add them, each with its group")
    return groups


def groups_by_pattern(pattern: str, cases: Sequence[str]) -> dict[str, str]:
    """Group by case: what the pattern's first group, or all of it, matches in the case's name.

    Raises:
        UsageError: it is no regular expression, or a case's name does not match.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            "--group-pattern", f"{pattern!r}: {error}", "give a regular expression"
        ) from error
    groups = {}
    for case in cases:
        match = compiled.search(case)
        found = match and (match[1] if compiled.groups else match[0])
        if not found:
            raise UsageError(
                "--group-pattern",
                f"{pattern!r} finds no group in {case!r}",
                "give one that matches every case's name",
            )
        groups[case] = found
    return groups


def units_of(cases: Sequence[str], groups: Mapping[str, str]) -> list[list[str]]:
    """The cases, those of one group together, in the order of each group's first case."""
    units: dict[str, list[str]] = {}
    for case in cases:
        # A case without a group is one of its own, whatever another group is called.
        key = f"group {groups[case]}" if case in groups else f"case {case}"
        units.setdefault(key, []).append(case)
    return list(units.values())
