"""Data sets for tests: the real ones beside the checkout, and small ones to spoil."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

REAL_DATA = Path(
    os.environ.get("UNET_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)


@pytest.fixture
def real_data():
    """Opens a folder of the real cases, or skips."""

    def find(task):
        if not (REAL_DATA / task / "dataset.json").is_file():
            pytest.skip(f"{REAL_DATA / task} is absent: set UNET_REAL_DATA")
        return REAL_DATA / task

    return find


@dataclass
class Maker:
    """Writes a small data set file by file, so that a test can spoil one thing of it."""

    root: Path
    content: dict = field(
        default_factory=lambda: {
            "name": "Small",
            "modality": {"0": "MRI"},
            "labels": {"0": "background", "1": "organ", "2": "lesion"},
            "training": [],
        }
    )

    def image(self, shape=(12, 10, 8), seed=0):
        return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)

    def label(self, shape=(12, 10, 8)):
        label = np.zeros(shape, dtype=np.uint8)
        label[3:8, 3:7, 2:6] = 1
        label[4:6, 4:6, 3:5] = 2
        return label

    def nifti(self, name, array, affine=None, unit="mm"):
        image = nib.Nifti1Image(array, np.eye(4) if affine is None else affine)
        image.header.set_xyzt_units(unit)
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image, path)
        return path

    def case(self, name, image=None, label=None, affine=None, label_affine=None):
        """Writes a case and lists it; returns the paths of its image and label."""
        image = self.image() if image is None else image
        label = self.label(image.shape[:3]) if label is None else label
        label_affine = affine if label_affine is None else label_affine
        paths = (
            self.nifti(f"imagesTr/{name}.nii.gz", image, affine),
            self.nifti(f"labelsTr/{name}.nii.gz", label, label_affine),
        )
        listed = {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
        self.content["training"].append(listed)
        self.save()
        return paths

    def save(self):
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "dataset.json").write_text(json.dumps(self.content))
        return self.root


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path / "Task99_Small")
