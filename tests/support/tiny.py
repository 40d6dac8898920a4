"""A data set and a plan so small that a whole training run takes seconds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np

from unet.data.case_measurement import read_all_facts
from unet.data.msd import load_dataset
from unet.data.regions import make_target
from unet.planning.fingerprint import make_fingerprint
from unet.planning.network import NetworkSpec
from unet.planning.plan import Plan
from unet.planning.recipe import make_recipe
from unet.planning.settings import TrainSettings

SHAPE = (20, 18, 16)  # voxels, not a multiple of the patch
PATCH = (16, 16, 16)


def write_dataset(root: Path, cases: int = 5, labels: int = 1, channels: int = 1) -> Path:
    """Writes noisy volumes with a bright ball, as a Decathlon task."""
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    listed = []
    for number in range(cases):
        rng = np.random.default_rng(number)
        centre = np.array(SHAPE) / 2 + rng.uniform(-2, 2, 3)
        distance = np.linalg.norm(grid - centre, axis=-1)
        label = sum((distance < 6 / (value + 1)).astype(np.uint8) for value in range(labels))
        image = rng.normal(100, 10, (*SHAPE, channels)) + 40.0 * label[..., None]
        for folder, array in (("imagesTr", image.astype(np.float32)), ("labelsTr", label)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            if folder == "imagesTr" and channels == 1:
                array = array[..., 0]
            nifti = nib.Nifti1Image(array, np.eye(4))
            nifti.header.set_xyzt_units("mm")
            nib.save(nifti, root / folder / f"case_{number}.nii.gz")
        listed.append(
            {
                "image": f"./imagesTr/case_{number}.nii.gz",
                "label": f"./labelsTr/case_{number}.nii.gz",
            }
        )
    content = {
        "name": "Tiny",
        "modality": {str(i): f"MR{i}" for i in range(channels)},
        "labels": {"0": "background"} | {str(v + 1): f"ball{v + 1}" for v in range(labels)},
        "training": listed,
    }
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def network(channels: int = 1, outputs: int = 1, **changes: object) -> NetworkSpec:
    """Two levels of four filters."""
    settings = {
        "channels": channels,
        "outputs": outputs,
        "filters": (4, 8),
        "strides": ((2, 2, 2),),
        "encoder_convolutions": 1,
    } | changes
    return NetworkSpec.model_validate(settings)


def make_run(data: Path, run: Path, ranks: int = 1, **changes: object) -> Path:
    """Prepares a run folder whose plan and fingerprint are made, so that no probe is needed.

    Args:
        changes: fields of the plan to change.
    """
    dataset = load_dataset(data)
    target = make_target(dataset, None, None)
    channels = tuple(range(len(dataset.channels)))
    facts = read_all_facts(dataset, [c.id for c in dataset.cases], channels)
    fingerprint = make_fingerprint(dataset, channels, facts)
    settings = {
        "recipe": make_recipe(fingerprint, None).value,
        "target": target,
        "network": network(len(channels), target.outputs),
        "patch_size": PATCH,
        "batch_size": 1,
        "ranks": ranks,
        "precision": "float32",
        "threads": 1,
        "epochs": 3,
        "steps_per_epoch": 4,
        "validate_every": 1,
        "learning_rate": 3e-3,
        "step_seconds": 0.1,
        "epoch_seconds": 0.4,
        "memory_bytes": 10**9,
        "memory_limit_bytes": 10**10,
        "measured": True,
        "reasons": (),
    } | changes
    run.mkdir(parents=True, exist_ok=True)
    (run / "fingerprint.json").write_text(fingerprint.model_dump_json())
    (run / "plan.json").write_text(Plan.model_validate(settings).model_dump_json())
    return run


def train_config(data: Path, run: Path, **changes: object) -> TrainSettings:
    """The configuration of a tiny run, one thread."""
    return TrainSettings.model_validate({"data_path": data, "output": run, "threads": 1} | changes)


def random_batch(
    size: int, outputs: int = 1, channels: int = 1, seed: int = 0, patch: tuple[int, ...] = PATCH
) -> tuple[np.ndarray, np.ndarray]:
    """Image float32 ``[N, d, h, w, C]`` and masks uint8 ``[N, d, h, w, outputs]``."""
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((size, *patch, channels), dtype=np.float32)
    target = (rng.random((size, *patch, outputs)) < 0.3).astype(np.uint8)
    assert math.prod(target.shape)
    return image, target
