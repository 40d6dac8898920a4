"""A decision and what a person is told about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Decision(Generic[T]):
    """What was decided.

    Attributes:
        value: the decision.
        reasons: sentences for the plan's list; empty if there is nothing to explain.
    """

    value: T
    reasons: tuple[str, ...] = ()


def sides(size: tuple[int, int, int]) -> str:
    """A size as people write it: 64x64x32."""
    return "x".join(map(str, size))
