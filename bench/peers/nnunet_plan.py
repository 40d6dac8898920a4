"""MONAI's DynUNet trained by nnU-Net's 3d_fullres recipe, for a given time.

    python nnunet_plan.py TASK.json

Not nnU-Net's own program, but its plan and trainer as nnU-Net v2 publishes them
(nnUNetTrainer, ExperimentPlanner): 32 feature maps doubled to 320, strides of 2 while an axis
keeps at least 4 voxels, two convolutions a level, instance norm, LeakyReLU, deep supervision
with weights halved from level to level, batch Dice plus cross-entropy, SGD with Nesterov
momentum 0.99, weight decay 3e-5, rate 0.01 falling as (1 - t)^0.9, gradients clipped at 12,
batch of 2, of which a third is cut round the foreground, and the last weights.  Time takes
the place of epochs in the fall of the rate.

Left out of its augmentation: brightness, contrast, blur and simulated low resolution.  Kept:
rotation and scaling (each in a fifth of the patches), noise, gamma, mirroring.  Predictions
do not mirror, as ours do not here.

TASK.json: see monai_tutorial.py; `selection` trains as well, since nothing is selected.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch
from monai.data import CacheDataset, DataLoader
from monai.losses import DiceCELoss
from monai.networks.nets import DynUNet
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    SpatialPadd,
)
from monai.utils import set_determinism

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from peers.monai_tutorial import named, transforms, write_predictions

RATE, MOMENTUM, DECAY, CLIP, POWER = 1e-2, 0.99, 3e-5, 12.0, 0.9
BASE_FILTERS, MOST_FILTERS = 32, 320
SMALLEST_AXIS = 4


def strides_of(patch: list[int]) -> list[list[int]]:
    """Strides of every level: an axis is halved while 4 or more voxels remain of it."""
    strides, size = [[1, 1, 1]], list(patch)
    while True:
        step = [2 if s % 2 == 0 and s // 2 >= SMALLEST_AXIS else 1 for s in size]
        if max(step) == 1:
            return strides
        strides.append(step)
        size = [s // t for s, t in zip(size, step, strict=True)]


def build(task: dict[str, Any]) -> DynUNet:
    """The planned network."""
    strides = strides_of(task["patch"])
    kernels = [[3, 3, 3]] * len(strides)
    widths = [min(BASE_FILTERS * 2**level, MOST_FILTERS) for level in range(len(strides))]
    return DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=task["outputs"],
        kernel_size=kernels,
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=widths,
        norm_name=("INSTANCE", {"affine": True}),
        deep_supervision=True,
        deep_supr_num=max(1, len(strides) - 2),
    )


def augmented(patch: list[int]) -> Compose:
    """Patches and their augmentation."""
    keys = ["image", "label"]
    return Compose(
        [
            transforms(patch, random=False),
            SpatialPadd(keys, patch),
            RandCropByPosNegLabeld(
                keys, "label", patch, pos=1, neg=2, image_key="image", image_threshold=-1e9
            ),
            RandAffined(
                keys,
                prob=0.36,
                rotate_range=[math.pi / 6] * 3,
                scale_range=[(-0.3, 0.4)] * 3,
                mode=("bilinear", "nearest"),
            ),
            RandGaussianNoised("image", prob=0.1, std=0.1),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
            *(RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in range(3)),
        ]
    )


def train(task: dict[str, Any], network: DynUNet) -> dict[str, object]:
    """Trains for the given minutes; returns the steps done and the last loss."""
    began = time.monotonic()
    pairs = named([*task["training"], *task["selection"]])
    cases = CacheDataset(pairs, augmented(task["patch"]), progress=False)
    loader = DataLoader(cases, batch_size=2, shuffle=True, drop_last=len(pairs) > 1)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)
    optimizer = torch.optim.SGD(
        network.parameters(), RATE, MOMENTUM, weight_decay=DECAY, nesterov=True
    )
    network.train()
    steps, last = 0, math.nan
    while True:
        for batch in loader:
            done = (time.monotonic() - began) / (60 * task["minutes"])
            if done >= 1 and steps:
                return {"steps": steps, "last_loss": round(last, 4)}
            for group in optimizer.param_groups:
                group["lr"] = RATE * max(0.0, 1 - done) ** POWER
            optimizer.zero_grad(set_to_none=True)
            # All levels at full size, stacked: the finest first.
            levels = network(batch["image"]).unbind(1)
            weights = [0.5**level for level in range(len(levels))]
            loss = sum(
                w / sum(weights) * loss_of(level, batch["label"])
                for w, level in zip(weights, levels, strict=True)
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            steps, last = steps + 1, float(loss.item())


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(task["threads"])
    set_determinism(0)
    network = build(task)
    note = train(task, network)
    write_predictions(task, network)
    print(json.dumps(note))


if __name__ == "__main__":
    main()
