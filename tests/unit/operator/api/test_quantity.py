"""Quantities: what apimachinery accepts, and nothing else.

The words are those of apimachinery's quantity_test.go; negative ones no field of ours takes.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from unet_operator.api.quantity import LARGEST, quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (2, "2"),
        ("0", "0"),
        ("0n", "0"),
        ("0Ki", "0"),
        ("5", "5"),
        ("+5", "5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("12.34", "12.34"),
        ("1n", "1e-9"),
        ("10u", "1e-5"),
        ("500m", "0.5"),
        ("2k", "2000"),
        ("3M", "3e6"),
        ("4G", "4e9"),
        ("5T", "5e12"),
        ("6P", "6e15"),
        ("7E", "7e18"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("12e-3", "0.012"),
        ("1e+6", "1e6"),
    ],
)
def test_a_quantity_is_the_number_that_kubernetes_reads(text, number):
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "many", "-", "-1", "1.1.M", "1+1.0M", "0.1mi", "0.1am", "aoeu", ".5i", "1i"),
        *("-3.01i", "1K", "1ki", "1Ni", "1mi", "1_000", "٣", " 1", "1 ", "1\n", "NaN", "sNaN"),
        *("Infinity", "-Infinity", "1e", "1e1.5", "1e+", "0x10", "1 Gi", "1GiB", "."),
    ],
)
def test_anything_else_is_none(text):
    with pytest.raises(ValueError, match=r"quantity|number"):
        quantity(text)


@pytest.mark.parametrize("text", ["10E", "9e99", "1e400000000", "100000Ei"])
def test_a_number_too_large_is_capped(text):
    assert quantity(text) == LARGEST
