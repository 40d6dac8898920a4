"""What a run has decided and written: plan.json, split.json, fingerprint.json."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz.trees import mutated
from support.fingerprints import plan_for, same_cases

from unet.data.split import Split
from unet.planning.fingerprint import Fingerprint
from unet.planning.plan import Plan
from unet.system.json_file import read_model

__all__ = ["NAME", "SEEDS", "mutated", "read"]
NAME = "plan.json"
CASES = same_cases((40, 40, 40))
SPLIT = Split(scheme="random", training=("a", "b"), validation=("c",), test=("d",))
SEEDS = (
    plan_for(CASES).model_dump_json().encode(),
    plan_for(CASES, network="course", patch_size=(32, 32, 32)).model_dump_json().encode(),
    SPLIT.model_dump_json().encode(),
    CASES.model_dump_json().encode(),
)
KINDS = ((Plan, "patch_size"), (Fingerprint, "dataset"), (Split, "training"))


def read(path: Path) -> None:
    """Reads it as what it looks like, and computes what training computes of a plan first."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = {}
    names = content if isinstance(content, dict) else {}
    kind = next((kind for kind, field in KINDS if field in names), Plan)
    model = read_model(path, kind, remedy="remove it; it is made again")
    assert model is not None, "it is there"
    model.model_dump_json()
    if isinstance(model, Plan):
        assert model.global_batch_size > 0
        assert model.voxels_per_second > 0
        assert min(model.shape.network.divisor) > 0
        assert model.target.names
