"""dataset.json: the Decathlon's and nnU-Net's, with bytes and with whole values changed."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz.trees import mutated

from unet.data.channels import pick_channels
from unet.data.msd import load_dataset
from unet.data.regions import make_target
from unet.system.errors import UsageError

NAME = "dataset.json"
DECATHLON = {
    "name": "Small",
    "modality": {"0": "FLAIR", "1": "T1w"},
    "labels": {"0": "background", "1": "edema", "2": "core"},
    "numTraining": 2,
    "training": [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii"} for n in "ab"],
    "test": ["./imagesTs/c.nii.gz"],
}
NNUNET = {
    "channel_names": {"0": "T1", "1": "T1+"},
    "labels": {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3},
    "numTraining": 1,
    "file_ending": ".nii.gz",
    "training": [{"image": ["a_0000.nii", "a_0001.nii"], "label": "a.nii"}],
    "validation": [],
}
__all__ = ["NAME", "SEEDS", "mutated", "read"]
SEEDS = tuple(json.dumps(content).encode() for content in (DECATHLON, NNUNET))


def read(path: Path) -> None:
    """Reads it, and what training asks of it first."""
    dataset = load_dataset(path.parent)
    dataset.model_dump_json()
    try:
        pick_channels(dataset, None)
        make_target(dataset)
    except UsageError:
        return
