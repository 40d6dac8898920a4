"""What the operator says to a person is in docs/operator.md, with what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
MAKERS = {"Failure", "NoRetry", "Obstacle", "Refused"}
INNER = {"Failed"}
"""Said of a Job that gave no reason; the training's own is EvaluationFailed or StagingFailed."""


def reasons() -> set[str]:
    """First arguments of whatever makes a reason, and what `fail` is called with."""
    found = set()
    for path in (ROOT / "operator/unet_operator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            place = 0 if name in MAKERS else 1 if name == "fail" else None
            if place is None or len(node.args) <= place:
                continue
            word = node.args[place]
            if isinstance(word, ast.Constant):
                found.add(word.value)
    return found - INNER


REASONS = sorted(reasons())
DOCUMENTED = (ROOT / "docs/operator.md").read_text()


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_is_in_the_table_of_causes_and_remedies(reason):
    rows = [line for line in DOCUMENTED.splitlines() if line.startswith("| ")]
    (row,) = [line for line in rows if reason in line.split("|")[1].replace(",", " ").split()]
    assert all(part.strip() for part in row.split("|")[1:4])


def test_the_reasons_are_found_in_the_source():
    assert {"ClaimNotFound", "NameTaken", "Unschedulable", "BackoffLimitExceeded"} <= set(REASONS)
