"""A MONAI U-Net trained the way MONAI's 3D segmentation tutorial does, for a given time.

    python monai_tutorial.py TASK.json

As the tutorial: residual UNet of 16 to 256 channels with batch norm, cached data, patches
around positive and negative voxels, four of each of two volumes, DiceLoss, Adam at 1e-4,
the weights of the best validation.  Only what the task needs differs: z-scores in place of
the CT window, padding to the patch, no spleen-sized patch.

TASK.json: training and selection [[image, label], …], scored {case: [image, label]}, outputs,
minutes, threads, patch, predictions (folder: CASE.npy, uint8 on the image's own grid).  The
best epoch is chosen by the selection; the scored cases choose nothing.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.inferers import sliding_window_inference
from monai.losses import DiceLoss
from monai.networks.layers import Norm
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    NormalizeIntensityd,
    RandCropByPosNegLabeld,
    RandFlipd,
    SpatialPadd,
)
from monai.utils import set_determinism

RATE = 1e-4
VALIDATE_EVERY = 2  # epochs


def transforms(patch: list[int], *, random: bool) -> Compose:
    """The tutorial's chain for z-scored images."""
    keys = ["image", "label"]
    steps = [
        LoadImaged(keys),
        EnsureChannelFirstd(keys),
        NormalizeIntensityd("image", nonzero=True, channel_wise=True),
    ]
    if random:
        steps += [
            SpatialPadd(keys, patch),
            RandCropByPosNegLabeld(
                keys,
                "label",
                patch,
                pos=1,
                neg=1,
                num_samples=4,
                image_key="image",
                image_threshold=-1e9,
            ),
            RandFlipd(keys, prob=0.5, spatial_axis=0),
        ]
    return Compose(steps)


def named(pairs: list[list[str]]) -> list[dict[str, str]]:
    """Files of cases as MONAI's transforms expect them."""
    return [{"image": image, "label": label} for image, label in pairs]


def mean_dice(network: torch.nn.Module, cases: CacheDataset, patch: list[int]) -> float:
    """Mean Dice over foreground labels and cases."""
    scores = []
    for case in cases:
        found = predict(network, case["image"], patch)
        truth = np.asarray(case["label"][0])
        for label in range(1, int(truth.max()) + 1):
            a, b = found == label, truth == label
            scores.append(2 * (a & b).sum() / max(1, a.sum() + b.sum()))
    return float(np.mean(scores))


def predict(network: torch.nn.Module, image: torch.Tensor, patch: list[int]) -> np.ndarray:
    """Label values ``[X, Y, Z]``."""
    network.eval()
    with torch.no_grad():
        logits = sliding_window_inference(image[None], patch, 4, network)
    return logits.argmax(1)[0].numpy().astype(np.uint8)


def train(task: dict[str, Any], network: torch.nn.Module) -> dict[str, object]:
    """Trains for the given minutes and leaves the weights of the best validation.

    Returns:
        Epochs and steps done, and the best epoch's Dice.
    """
    deadline = time.monotonic() + 60 * task["minutes"]
    patch = task["patch"]
    aside, pairs = named(task["selection"]), named(task["training"])
    selection = CacheDataset(aside, transforms(patch, random=False), progress=False)
    training = CacheDataset(pairs, transforms(patch, random=True), progress=False)
    loader = DataLoader(training, batch_size=2, shuffle=True)
    loss_of = DiceLoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    best, kept, epoch, steps = -1.0, copy.deepcopy(network.state_dict()), 0, 0
    while time.monotonic() < deadline:
        epoch += 1
        network.train()
        for batch in loader:
            optimizer.zero_grad()
            loss_of(network(batch["image"]), batch["label"]).backward()
            optimizer.step()
            steps += 1
            if time.monotonic() >= deadline:
                break
        if epoch % VALIDATE_EVERY == 0 or time.monotonic() >= deadline:
            score = mean_dice(network, selection, patch)
            if score > best:
                best, kept = score, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return {"epochs": epoch, "steps": steps, "selection_dice": round(best, 4)}


def write_predictions(task: dict[str, Any], network: torch.nn.Module) -> None:
    """Writes the label values of every scored case."""
    plain = transforms(task["patch"], random=False)
    for case, (image, label) in task["scored"].items():
        found = predict(network, plain({"image": image, "label": label})["image"], task["patch"])
        assert found.shape == nibabel.Nifti1Image.from_filename(image).shape, (
            "predictions stay on the image's grid"
        )
        np.save(Path(task["predictions"]) / f"{case}.npy", found)


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(task["threads"])
    set_determinism(0)
    network = UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=task["outputs"],
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
        norm=Norm.BATCH,
    )
    note = train(task, network)
    write_predictions(task, network)
    print(json.dumps(note))


if __name__ == "__main__":
    main()
