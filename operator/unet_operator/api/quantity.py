"""Quantities of Kubernetes as numbers: 2, 500m, 4Gi, 1e3.

Computed by the Kubernetes client's own parser.  It takes more than the API server does
(`1K`, `1_000`, `NaN`), so the grammar of apimachinery's resource.Quantity is checked first.
"""

from __future__ import annotations

import re
from decimal import Decimal

from kubernetes.utils.quantity import parse_quantity

from unet_operator.api.schema import QUANTITY_PATTERN

LARGEST = Decimal(2**63 - 1)
"""Larger numbers are capped, as apimachinery caps them."""


def quantity(value: int | str) -> Decimal:
    """The number that a quantity means, in the unit that it counts: cores, bytes.

    Raises:
        ValueError: it is none, or negative, which no field of ours may be.
    """
    text = str(value)
    if re.fullmatch(QUANTITY_PATTERN, text, re.ASCII) is None:
        raise ValueError(f"{text!r} is not a quantity; write a number such as 2, 500m or 4Gi")
    number: Decimal = parse_quantity(text)  # type: ignore[no-untyped-call]  # ships no types
    return min(number, LARGEST)
