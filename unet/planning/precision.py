"""In which number format convolutions are computed."""

from __future__ import annotations

from typing import Literal

from unet.planning.decision import Decision
from unet.system.machine import Machine

Precision = Literal["float32", "bfloat16"]


def choose_precision(
    wanted: Literal["auto", "float32", "bfloat16"], machine: Machine
) -> Decision[Precision]:
    """What is wanted; for `auto` bfloat16 where the CPU computes in it, until it is measured."""
    if wanted != "auto":
        return Decision(wanted)
    if machine.bfloat16:
        return Decision("bfloat16", ("bfloat16: the CPU has bfloat16",))
    return Decision("float32", ("float32: the CPU has no bfloat16",))
