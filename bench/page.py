"""Tables of results between the markers of a page.

A page holds `<!-- results NAME -->` and `<!-- end -->` on lines of their own; what stands
between them is replaced by the table of the result of that name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

MARKED = re.compile(r"(<!-- results ([a-z_]+) -->\n).*?(<!-- end -->)", re.S)
NONE = "Not measured yet.\n"
SPREAD = {"min", "median", "max"}
KEPT_OFF = ("voxels per cpu second at our flops", "share of gemm", "peak bytes", "settings")
"""How figures begin that are in the results' files alone: the page is for reading."""


@dataclass(frozen=True)
class Result:
    """What one benchmark found.

    Attributes:
        command: as one types it; DATA and PEER stand for folders.
        machine: see `common.machine`.
        date: year-month-day, UTC.
        minutes: that it took.
        key: of its inputs, see `renew.py`.
        result: the JSON object that the benchmark printed.
    """

    command: str
    machine: str
    date: str
    minutes: float
    key: str
    result: dict[str, Any]

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), indent=1) + "\n"


def render(page: str, results: Mapping[str, Result]) -> str:
    """The page with every marked table renewed.

    Raises:
        SystemExit: a result has no place on the page.
    """
    places = {found[2] for found in MARKED.finditer(page)}
    if lost := sorted(results.keys() - places):
        raise SystemExit(f"the page has no `<!-- results {lost[0]} -->` … `<!-- end -->`")

    def table_of(found: re.Match[str]) -> str:
        result = results.get(found[2])
        return found[1] + (table(result) if result else NONE) + found[3]

    return MARKED.sub(table_of, page)


def table(result: Result) -> str:
    """Machine, date, command and circumstances, then a row for every figure, ratios first."""
    given, figures = [], []
    for name, value in rows(result.result):
        if name.startswith(KEPT_OFF):
            continue
        if isinstance(value, dict | float):
            figures.append((name, _figure(value)))
        else:
            given.append(f"{name} {_plain(value)}")
    figures.sort(key=lambda figure: not re.search(r"\bratio\b|\bover\b", figure[0]))
    head = f"{result.machine}; {result.date}; {result.minutes:g} minutes:\n\n    {result.command}\n"
    lines = ["| figure | middle (smallest … largest) |", "|---|---|"]
    lines += [f"| {name} | {figure} |" for name, figure in figures]
    circumstances = f"{'; '.join(given)}.\n\n" if given else ""
    return f"{head}\n{circumstances}" + "\n".join(lines) + "\n"


def rows(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure with its full name; a spread is one figure."""
    for key, item in value.items():
        name = f"{above}: {key}" if above else str(key)
        name = name.replace("_", " ").replace("|", "/")
        if isinstance(item, dict) and item.keys() != SPREAD:
            yield from rows(item, name)
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for part in item:
                label = next((str(v) for v in part.values() if isinstance(v, str)), "")
                yield from rows(part, f"{name} {label}".strip())
        elif key != "curve":
            yield name, item


def _figure(value: float | Mapping[str, float]) -> str:
    if isinstance(value, float):
        return _number(value)
    low, middle, high = (_number(value[key]) for key in ("min", "median", "max"))
    return middle if low == high else f"{middle} ({low} … {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return str(value).replace("|", "/").replace("\n", " ")
