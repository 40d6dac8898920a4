"""What a lack of memory makes of batch and patch."""

from __future__ import annotations

from pathlib import Path

import pytest
from unet_operator.api.spec.training import TrainingSettings
from unet_operator.api.status import Plan, Reduced, Status
from unet_operator.failure.smaller_after_out_of_memory import PATCH_STEP, halved, reduced_sizes

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("patch", "half"),
    [
        ("128,128,128", "64,64,64"),
        ("128,128,96", "64,64,48"),
        ("80,80,80", "32,32,32"),
        ("48,32,16", "16,16,16"),
        ("16,16,16", "16,16,16"),
        ("128,64,8", "64,32,8"),
    ],
)
def test_each_axis_is_halved_to_a_multiple_of_the_step_and_no_less(patch, half):
    assert halved(patch) == half


@pytest.mark.parametrize(
    ("plan", "asked", "before", "after"),
    [
        (Plan(batch_size=4), {}, None, Reduced(batch_size=2)),
        (None, {"batchSize": 8}, None, Reduced(batch_size=4)),
        (Plan(batch_size=2), {"batchSize": 8}, None, Reduced(batch_size=1)),
        (
            Plan(batch_size=1, patch_size="64,64,64"),
            {},
            None,
            Reduced(patch_size="32,32,32"),
        ),
        (
            Plan(batch_size=1, patch_size="64,64,64"),
            {},
            Reduced(batch_size=1),
            Reduced(batch_size=1, patch_size="32,32,32"),
        ),
        (None, {"batchSize": 1, "patchSize": "96,96,96"}, None, Reduced(patch_size="48,48,48")),
    ],
)
def test_the_batch_is_halved_first_then_the_patch(plan, asked, before, after):
    status = Status(plan=plan, reduced=before)
    assert reduced_sizes(status, TrainingSettings.model_validate(asked)) == after


@pytest.mark.parametrize(
    ("plan", "before"),
    [
        (None, None),
        (Plan(batch_size=1, patch_size="16,16,16"), None),
        (Plan(batch_size=4, patch_size="64,64,64"), Reduced(patch_size="64,64,64")),
    ],
)
def test_each_is_halved_once_and_never_below_what_there_is(plan, before):
    assert reduced_sizes(Status(plan=plan, reduced=before), TrainingSettings()) is None


def test_the_step_is_the_contract_s():
    words = (ROOT / "docs/contract.md").read_text()
    assert f"takes any multiple of {PATCH_STEP} voxels" in words
