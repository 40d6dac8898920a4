"""A small trained-looking model and data set, real through and through."""

import json

import nibabel as nib
import numpy as np

from unet.data.recipe import Recipe
from unet.data.regions import Region, Target
from unet.network.model import build_network
from unet.network.saved_model import About
from unet.planning.network import NetworkSpec
from unet.planning.plan import Plan

SHAPE = (20, 18, 16)
AFFINE = np.array([[-1.0, 0, 0, 30], [0, 0, 1.5, -20], [0, 2.0, 0, 5], [0, 0, 0, 1]])
"""Flipped along the first axis, second and third exchanged; 1 x 2 x 1.5 mm."""


def ball(centre, radius, shape=SHAPE):
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def write_case(folder, name, rng, *, centre=(9, 9, 8), unit="mm", affine=AFFINE):
    lesion = ball(centre, 4)
    image = rng.normal(100, 5, SHAPE) + 60 * lesion
    header = nib.Nifti1Header()
    header.set_xyzt_units(unit)
    for kind, array in (("imagesTr", image.astype(np.int16)), ("labelsTr", lesion)):
        (folder / kind).mkdir(exist_ok=True, parents=True)
        nifti = nib.Nifti1Image(array.astype(np.int16), affine, header)
        nifti.header.set_xyzt_units(unit)
        nib.save(nifti, folder / kind / f"{name}.nii.gz")


def make_data(folder, *, unit="mm", affine=AFFINE, label="lesion", modality="FLAIR"):
    rng = np.random.default_rng(3)
    names = [f"case_{i}" for i in range(4)]
    for i, name in enumerate(names):
        write_case(folder, name, rng, centre=(6 + 2 * i, 9, 8), unit=unit, affine=affine)
    content = {
        "name": "Balls",
        "modality": {"0": modality},
        "labels": {"0": "background", "1": label},
        "training": [
            {"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names
        ],
        "test": [],
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def some_weights(spec):
    """Random weights of a network: what it says is arbitrary, but always the same."""
    model = build_network(spec)
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.2, w.shape).astype(np.float32) for w in model.get_weights()]


def make_about(outputs=1, exclusive=False, normalisation="instance", split=None):
    spec = NetworkSpec(
        channels=1,
        outputs=outputs,
        filters=(4, 8),
        strides=((2, 2, 2),),
        normalisation=normalisation,
    )
    regions = tuple(Region(name=name, labels=(i + 1,)) for i, name in enumerate(("lesion", "rim")))
    plan = Plan(
        recipe=Recipe(),
        target=Target(regions=regions[: outputs - exclusive], exclusive=exclusive),
        network=spec,
        patch_size=(16, 16, 16),
        batch_size=1,
        ranks=1,
        precision="float32",
        threads=2,
        epochs=1,
        steps_per_epoch=1,
        validate_every=1,
        learning_rate=1e-3,
        step_seconds=1,
        epoch_seconds=1,
        memory_bytes=1,
        memory_limit_bytes=1,
        measured=False,
        reasons=(),
    )
    return About(plan=plan, split=split, dataset_name="Balls", channel_names=("FLAIR",))
