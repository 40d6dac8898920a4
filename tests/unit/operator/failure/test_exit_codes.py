"""The exit codes are those of docs/contract.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from unet_operator.failure.exit_codes import final_reason, remedy
from unet_operator.observe.progress import Code

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("code", list(Code))
def test_every_code_of_the_contract_is_in_its_table(code):
    text = (ROOT / "docs/contract.md").read_text()
    known_elsewhere = code == Code.KILLED
    assert known_elsewhere or f"| {int(code)} |" in text


@pytest.mark.parametrize("code", [Code.USAGE, Code.DATA, Code.NAN, Code.DISK])
def test_a_final_code_has_a_reason_and_a_remedy(code):
    assert final_reason(code) is not None
    assert len(remedy(code)) > 10


@pytest.mark.parametrize("code", [0, 1, Code.PEER_LOST, Code.MEMORY, 134, 137, Code.TERMINATED])
def test_every_other_code_is_not_final(code):
    assert final_reason(code) is None
