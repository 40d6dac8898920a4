"""Values as people write them, in flags and in configuration files alike.

`20m`, `64,64,32`, `1,2`, `FLAIR,T1w`, `auto`: each becomes what a model of settings holds.
What is not written in such a form passes unchanged and is pydantic's to judge.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

T = TypeVar("T")

SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[hms])+|\d+(?:\.\d+)?")


def seconds(value: T) -> T | float:
    """`90`, `90s`, `20m`, `1h30m` → seconds.

    Raises:
        ValueError: a text that is no duration above 0.
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    total = 0.0
    if DURATION.fullmatch(text):
        total = sum(float(n) * SECONDS[unit] for n, unit in re.findall(r"([\d.]+)([hms]?)", text))
    if not 0 < total < math.inf:
        raise ValueError("Input should be a time such as 90s, 20m or 1h30m")
    return total


def listed(value: T) -> T | list[object]:
    """`a, b` → `["a", "b"]`; a number alone is a list of one."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int | float) else value


def sides(value: T) -> T | list[object] | None:
    """`64,64,32` or `64x64x32` → three sizes; one size counts for all axes; `auto` → None.

    Raises:
        ValueError: there are not three sizes.
    """
    if value is None or value == "auto":
        return None
    parts = listed(value.replace("x", ",") if isinstance(value, str) else value)
    if not isinstance(parts, list | tuple):
        return value
    if len(parts) not in (1, 3):
        raise ValueError("Input should be three sizes, such as 64,64,32, or one for all axes")
    return list(parts) * (3 // len(parts))


def at_least(lowest: int) -> Callable[[object], int]:
    """The validator of a whole number that is `lowest` or more."""

    def parse(value: object) -> int:
        number = lowest - 1
        if isinstance(value, str | int):
            with contextlib.suppress(ValueError):
                number = int(value)
        if number < lowest:
            raise ValueError(f"{value!r} is no whole number from {lowest}")
        return number

    return parse


def share(value: object) -> float:
    """A number from 0 to below 1.

    Raises:
        ValueError: it is not that.
    """
    number = -1.0
    if isinstance(value, str | int | float):
        with contextlib.suppress(ValueError):
            number = float(value)
    if not 0 <= number < 1:
        raise ValueError(f"{value!r} is no share from 0 to below 1")
    return number


def or_auto(value: T) -> T | None:
    """`auto` → None: the plan decides."""
    return None if value == "auto" else value


Count = Annotated[int, Field(ge=1)]
FromZero = Annotated[int, BeforeValidator(at_least(0))]
FromOne = Annotated[int, BeforeValidator(at_least(1))]
Share = Annotated[float, BeforeValidator(share)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
CountOrAuto = Annotated[Count | None, BeforeValidator(or_auto)]
PositiveOrAuto = Annotated[Positive | None, BeforeValidator(or_auto)]
Seconds = Annotated[Positive | None, BeforeValidator(seconds)]
Names = Annotated[tuple[str, ...] | None, BeforeValidator(listed)]
Labels = Annotated[tuple[Annotated[int, Field(ge=1, le=255)], ...] | None, BeforeValidator(listed)]
Voxels = Annotated[tuple[Count, Count, Count] | None, BeforeValidator(sides)]
Millimetres = Annotated[tuple[Positive, Positive, Positive] | None, BeforeValidator(sides)]
