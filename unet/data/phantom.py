"""Synthetic data sets with known truth and the traps of the real ones, made in seconds.

Each of the ten Decathlon tasks has a look-alike (`phantom_tasks`): its channels, labels,
spacing, orientation, storage type and known slips of its files, on a smaller grid. Anatomy
(`phantom_case`) is easy to learn, not trivial. Here they become files.
"""

from __future__ import annotations

import difflib
import json
import shutil
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from numpy.typing import NDArray

from unet.data.phantom_case import make_case
from unet.data.phantom_tasks import TASKS, PhantomTask
from unet.system.errors import UsageError
from unet.system.os_error import while_writing

CASES = 24
TEST_CASES = 2


def make_phantom(
    output: Path,
    task: str = "Task01_BrainTumour",
    cases: int = CASES,
    seed: int = 0,
) -> Path:
    """Makes the look-alike of a task in the folder `output`; equal arguments, equal files.

    Args:
        output: the data set's folder: absent or empty.
        task: one of the ten Decathlon tasks.
        cases: number of training cases; two test cases without label come with them.
        seed: of everything random.

    Returns:
        `output`, to be given as --data_path.

    Raises:
        UsageError: unknown task, fewer than one case, or the folder holds something.
        DiskError: `output` is full or cannot be written.
    """
    if task not in TASKS:
        near = [name for name in TASKS if name.startswith(task[:6])]
        near = near or difflib.get_close_matches(task, TASKS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError("--task", f"no task {task!r}", f"{hint}choose from {', '.join(TASKS)}")
    if cases < 1:
        raise UsageError("--cases", str(cases), "make at least 1 case")
    final = Path(output).resolve()
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise UsageError("--output", f"{output} is not empty", "choose another folder")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        try:
            _write(temporary, TASKS[task], cases, seed)
            temporary.chmod(0o755)
            temporary.replace(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise while_writing(output, error) from error
    return Path(output)


def _write(root: Path, task: PhantomTask, cases: int, seed: int) -> None:
    training: list[dict[str, str]] = []
    test: list[str] = []
    for index in range(cases + TEST_CASES):
        name = f"{task.case_prefix}_{index + 1:03d}"
        image, label = make_case(task, (seed, index))
        folder = "imagesTr" if index < cases else "imagesTs"
        # A generator of its own: the spacing must not depend on how many numbers a case drew.
        stretch = np.random.default_rng((seed, index, 1)).uniform(-1, 1)
        affine = _affine(task, label.shape, 1 + stretch * task.spacing_spread)
        _save(root / folder / f"{name}.nii.gz", task, image.squeeze(), affine, task.dtype)
        listed = f"{task.prefix}{folder}/{name}{task.suffix}"
        if index >= cases:
            test.append(listed)
            continue
        _save(root / "labelsTr" / f"{name}.nii.gz", task, label, affine, "uint8")
        labelled = f"{task.prefix}labelsTr/{name}{task.suffix}"
        training.append({"image": listed, "label": labelled})
    content = _description(task, training, test)
    (root / "dataset.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _description(
    task: PhantomTask, training: list[dict[str, str]], test: list[str]
) -> dict[str, object]:
    """What dataset.json says, with the task's misspelt keys and without its missing ones."""
    content: dict[str, object] = {
        "name": f"{task.name} phantom",
        "description": "synthetic look-alike with known truth, no patient's data",
        "licence": "CC0",
        "release": "1.0",
        "tensorImageSize": "4D" if len(task.modality) > 1 else "3D",
        "modality": {str(i): name for i, name in enumerate(task.modality)},
        "labels": {"0": "background"} | {str(s.value): s.name for s in task.structures},
        "numTraining": len(training),
        "numTest": len(test),
        "training": training,
        "test": test,
    }
    as_spelt = {task.keys.get(key, key): value for key, value in content.items()}
    as_spelt.pop("", None)
    return as_spelt


def _save(
    file: Path,
    task: PhantomTask,
    array: NDArray[np.generic],
    affine: NDArray[np.float64],
    dtype: str,
) -> None:
    """Turns a RAS array [D, H, W, …] to the task's axes and writes it."""
    file.parent.mkdir(exist_ok=True)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(task.axcodes))
    stored = nib.orientations.apply_orientation(array, turn)
    slope = task.slope if dtype != "uint8" else 1.0
    if np.dtype(dtype).kind in "iu":
        stored = np.rint(stored / slope)
    # The array is already in stored units: given to nibabel as such, its slope beside it.
    image = nib.Nifti1Image(
        stored.astype(dtype), affine @ inv_ornt_aff(turn, array.shape[:3]), dtype=dtype
    )
    image.header.set_slope_inter(slope, 0)
    image.header.set_xyzt_units(task.unit)
    nib.save(image, file)


def _affine(task: PhantomTask, shape: tuple[int, ...], stretch: float) -> NDArray[np.float64]:
    """Of a RAS array, [4, 4]: spacing, a tilt about the first axis, the origin in the middle."""
    angle = np.deg2rad(task.oblique)
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag(task.spacing) * stretch
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[:3]) - 1) / 2
    return affine
