"""The exit codes are those of docs/contract.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from unet_operator.observe.progress import Code

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("code", list(Code))
def test_every_code_of_the_contract_is_in_its_table(code):
    text = (ROOT / "docs/contract.md").read_text()
    known_elsewhere = code == Code.KILLED
    assert known_elsewhere or f"| {int(code)} |" in text
