"""dataset.json: the Decathlon's and nnU-Net's, with bytes and with whole values changed."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

from fuzz import driver

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
SEEDS = tuple(json.dumps(content).encode() for content in (DECATHLON, NNUNET))
VALUES = (
    *(None, True, -1, 0, 10**30, 1e308, float("nan"), "", " ", "\0", "é", "../../x", "x" * 300),
    *([], {}, [[]], [1], ["a"], {"": ""}, {"0": "a", "1": "a"}, {"a": [1, 1]}),
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Changes bytes, or exchanges values and keys anywhere in the tree."""
    if rng.random() < 0.5:
        return driver.mutated(content, rng)
    tree = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        node: object = tree
        while isinstance(node, dict | list) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = rng.choice(keys)
            inner = node[key]
            if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.4:
                if isinstance(node, dict) and rng.random() < 0.3:
                    node[str(rng.choice(VALUES))] = node.pop(key)
                else:
                    node[key] = copy.deepcopy(rng.choice(VALUES))
                break
            node = inner
    return json.dumps(tree).encode()


def read(path: Path) -> None:
    """Reads it, and what training asks of it first."""
    dataset = load_dataset(path.parent)
    dataset.model_dump_json()
    try:
        pick_channels(dataset, None)
        make_target(dataset)
    except UsageError:
        return
