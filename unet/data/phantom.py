"""Synthetic data sets with known truth and the traps of the real ones, made in seconds.

Each of the ten Decathlon tasks has a look-alike: its channels, labels, spacing, orientation,
storage type and known slips of its files, on a smaller grid. Anatomy is a body with organs
and lesions whose outlines are ellipsoids bent by smooth noise: easy to learn, not trivial.
"""

from __future__ import annotations

import difflib
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from numpy.typing import NDArray

from unet.system.errors import DiskError, UsageError

CASES = 24
TEST_CASES = 2


@dataclass(frozen=True)
class Structure:
    """A labelled ellipsoid, painted over what is there.

    `radius` and `spread` (of the centre) are fractions of the volume's size; `contrast` is
    added per channel, in units of the noise's sd. `inside` names the value of an earlier
    structure that this one stays in and is centred on. `half` keeps only the front (+1) or
    back (-1) of it.
    """

    value: int
    name: str
    radius: tuple[float, float, float]
    contrast: tuple[float, ...]
    spread: float = 0.1
    inside: int | None = None
    half: int = 0


@dataclass(frozen=True)
class Look:
    """How a task's files look. `shape` and `spacing` are along the RAS axes."""

    name: str
    modality: tuple[str, ...]
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    structures: tuple[Structure, ...]
    body: float = 0.42  # radius as a fraction of the size; 0 fills the volume, no background
    axcodes: str = "LPS"
    oblique: float = 0.0  # degrees about the first axis
    dtype: str = "int16"
    scale: float = 20.0  # stored units a noise sd
    offset: float = 200.0  # stored value of the body
    background: float = 0.0
    slope: float = 1.0  # scl_slope
    decades: float = 0.0  # cases' scales differ by up to this power of ten
    spacing_spread: float = 0.0  # cases' spacings differ by up to this fraction
    unit: Literal["mm", "unknown"] = "mm"
    prefix: str = "./"
    suffix: str = ".nii.gz"
    case_prefix: str = "case"
    keys: dict[str, str] = field(default_factory=dict)  # dataset.json key → misspelling, or ""


def _blob(value: int, name: str, radius: float, *contrast: float) -> Structure:
    return Structure(value, name, (radius, radius, radius), contrast)


_TUMOUR = (
    Structure(1, "edema", (0.2, 0.2, 0.2), (4.0, -1.0, -0.5, 4.0), spread=0.12),
    Structure(2, "non-enhancing tumor", (0.13, 0.13, 0.13), (2.5, -2.0, -1.0, 5.0), inside=1),
    Structure(3, "enhancing tumour", (0.08, 0.08, 0.08), (3.0, -1.0, 6.0, 3.0), inside=2),
)
_CT = {"scale": 15.0, "offset": 40.0, "background": -1024.0, "spacing_spread": 0.2}

LOOKS: dict[str, Look] = {
    look.name: look
    for look in (
        Look(
            "Task01_BrainTumour",
            ("FLAIR", "T1w", "t1gd", "T2w"),
            (64, 72, 56),
            (2.5, 2.5, 2.5),
            _TUMOUR,
            case_prefix="BRATS",
        ),
        Look(
            "Task02_Heart",
            ("MRI",),
            (64, 64, 40),
            (1.25, 1.25, 1.37),
            (_blob(1, "left atrium", 0.16, 3.0),),
            dtype="float32",
            axcodes="RAS",
            case_prefix="la",
        ),
        Look(
            "Task03_Liver",
            ("CT",),
            (72, 72, 60),
            (0.77, 0.77, 1.0),
            (_blob(1, "liver", 0.22, 3.0), Structure(2, "cancer", (0.08,) * 3, (-3.0,), inside=1)),
            axcodes="LAS",
            case_prefix="liver",
            **_CT,
        ),
        Look(
            "Task04_Hippocampus",
            ("MRI",),
            (35, 50, 36),
            (1.0, 1.0, 1.0),
            (
                Structure(1, "Anterior", (0.2, 0.35, 0.2), (3.0,), spread=0.05, half=1),
                Structure(2, "Posterior", (0.2, 0.35, 0.2), (2.5,), inside=1, half=-1),
            ),
            body=0.0,
            axcodes="RAS",
            dtype="float32",
            scale=2e4,
            offset=3e5,
            decades=3.0,
            case_prefix="hippocampus",
        ),
        Look(
            "Task05_Prostate",
            ("T2", "ADC"),
            (80, 80, 15),
            (0.6, 0.6, 4.0),
            (
                _blob(1, "PZ", 0.25, 3.0, 2.0),
                Structure(2, "TZ", (0.17,) * 3, (-2.0, -2.0), inside=1),
            ),
            axcodes="RAS",
            oblique=17.0,
            dtype="float32",
            prefix="/",
            suffix=".nii",
            case_prefix="prostate",
            keys={"release": "relase"},
        ),
        Look(
            "Task06_Lung",
            ("CT",),
            (64, 64, 62),
            (0.8, 0.8, 1.25),
            (_blob(1, "cancer", 0.1, 4.0),),
            axcodes="LAS",
            case_prefix="lung",
            **_CT,
        ),
        Look(
            "Task07_Pancreas",
            ("CT",),
            (64, 64, 37),
            (0.8, 0.8, 2.5),
            (
                Structure(1, "pancreas", (0.2, 0.12, 0.15), (3.0,)),
                Structure(2, "cancer", (0.08,) * 3, (-3.0,), inside=1),
            ),
            axcodes="LAS",
            case_prefix="pancreas",
            keys={"release": ""},
            **_CT,
        ),
        Look(
            "Task08_HepaticVessel",
            ("CT",),
            (64, 64, 25),
            (0.8, 0.8, 5.0),
            (
                Structure(1, "Vessel", (0.3, 0.08, 0.12), (4.0,)),
                _blob(2, "Tumour", 0.12, -3.0),
            ),
            axcodes="LAS",
            slope=0.5,
            case_prefix="hepaticvessel",
            **_CT,
        ),
        Look(
            "Task09_Spleen",
            ("CT",),
            (64, 64, 31),
            (0.79, 0.79, 5.0),
            (_blob(1, "spleen", 0.18, 3.0),),
            axcodes="ARS",
            dtype="float64",
            case_prefix="spleen",
            **_CT,
        ),
        Look(
            "Task10_Colon",
            ("CT",),
            (61, 67, 31),
            (0.78, 0.78, 5.0),
            (_blob(1, "colon cancer primaries", 0.13, 4.0),),
            axcodes="SPL",
            dtype="int32",
            unit="unknown",
            case_prefix="colon",
            keys={"modality": "modalitiy", "test": ""},
            **_CT,
        ),
    )
}


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
    if task not in LOOKS:
        near = [name for name in LOOKS if name.startswith(task[:6])]
        near = near or difflib.get_close_matches(task, LOOKS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError("--task", f"no task {task!r}", f"{hint}choose from {', '.join(LOOKS)}")
    if cases < 1:
        raise UsageError("--cases", str(cases), "make at least 1 case")
    final = Path(output).resolve()
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise UsageError("--output", f"{output} is not empty", "choose another folder")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        try:
            _write(temporary, LOOKS[task], cases, seed)
            temporary.chmod(0o755)
            temporary.replace(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise DiskError.from_os(output, error) from error
    return Path(output)


def make_case(look: Look, seed: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """One case on the RAS grid: image float32 [D, H, W, C] in stored units, label [D, H, W]."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(size * rng.uniform(0.92, 1.08)) for size in look.shape)
    axes = np.meshgrid(*(np.linspace(-0.5, 0.5, size) for size in shape), indexing="ij")
    grid = np.stack(axes, axis=-1).astype(np.float32)
    body = np.ones(shape, dtype=np.bool_)
    if look.body:
        body = _ellipsoid(rng, grid, np.zeros(3), np.full(3, look.body))
    image = np.zeros((*shape, len(look.modality)), dtype=np.float32)
    image += _smooth(rng, shape, 8.0)[..., None]
    label = np.zeros(shape, dtype=np.uint8)
    centres: dict[int, NDArray[np.float64]] = {}
    for structure in look.structures:
        within = body if structure.inside is None else label == structure.inside
        centre = rng.uniform(-structure.spread, structure.spread, 3)
        if structure.inside is not None:
            centre = centres[structure.inside]
        mask = _ellipsoid(rng, grid, centre, np.array(structure.radius) * rng.uniform(0.8, 1.2))
        if structure.half:
            # The two halves of one shape: the second takes over what lies behind the centre.
            front = grid[..., 1] > centre[1]
            mask = mask & front if structure.half > 0 else mask & ~front
            within = body
        mask &= within
        label[mask] = structure.value
        image[mask] = np.array(structure.contrast) + image[mask] * 0.5
        centres[structure.value] = centre
    image += rng.standard_normal(image.shape, dtype=np.float32)
    image = image * np.float32(look.scale * rng.uniform(0.8, 1.25)) + np.float32(look.offset)
    image[~body] = look.background
    return image * np.float32(10 ** -rng.uniform(0, look.decades)), label


def _write(root: Path, look: Look, cases: int, seed: int) -> None:
    entries: dict[str, list[object]] = {"training": [], "test": []}
    for index in range(cases + TEST_CASES):
        name = f"{look.case_prefix}_{index + 1:03d}"
        image, label = make_case(look, (seed, index))
        training = index < cases
        folder = "imagesTr" if training else "imagesTs"
        # A generator of its own: the spacing must not depend on how many numbers a case drew.
        stretch = np.random.default_rng((seed, index, 1)).uniform(-1, 1)
        affine = _affine(look, label.shape, 1 + stretch * look.spacing_spread)
        _save(root / folder / f"{name}.nii.gz", look, image.squeeze(), affine, look.dtype)
        listed = f"{look.prefix}{folder}/{name}{look.suffix}"
        if not training:
            entries["test"].append(listed)
            continue
        _save(root / "labelsTr" / f"{name}.nii.gz", look, label, affine, "uint8")
        labelled = f"{look.prefix}labelsTr/{name}{look.suffix}"
        entries["training"].append({"image": listed, "label": labelled})
    content: dict[str, object] = {
        "name": f"{look.name} phantom",
        "description": "synthetic look-alike with known truth, no patient's data",
        "licence": "CC0",
        "release": "1.0",
        "tensorImageSize": "4D" if len(look.modality) > 1 else "3D",
        "modality": {str(i): name for i, name in enumerate(look.modality)},
        "labels": {"0": "background"} | {str(s.value): s.name for s in look.structures},
        "numTraining": cases,
        "numTest": TEST_CASES,
        **entries,
    }
    slips = {look.keys.get(key, key): value for key, value in content.items()}
    slips.pop("", None)
    (root / "dataset.json").write_text(json.dumps(slips, indent=1) + "\n", encoding="utf-8")


def _save(
    file: Path, look: Look, array: NDArray[np.generic], affine: NDArray[np.float64], dtype: str
) -> None:
    """Turns a RAS array [D, H, W, …] to the look's axes and writes it."""
    file.parent.mkdir(exist_ok=True)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(look.axcodes))
    stored = nib.orientations.apply_orientation(array, turn)
    slope = look.slope if dtype != "uint8" else 1.0
    if np.dtype(dtype).kind in "iu":
        stored = np.rint(stored / slope)
    # The array is already in stored units: given to nibabel as such, its slope beside it.
    image = nib.Nifti1Image(
        stored.astype(dtype), affine @ inv_ornt_aff(turn, array.shape[:3]), dtype=dtype
    )
    image.header.set_slope_inter(slope, 0)
    image.header.set_xyzt_units(look.unit)
    nib.save(image, file)


def _affine(look: Look, shape: tuple[int, ...], stretch: float) -> NDArray[np.float64]:
    """Of the RAS array: spacing, a tilt about the first axis, the origin in the middle."""
    angle = np.deg2rad(look.oblique)
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag(look.spacing) * stretch
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[:3]) - 1) / 2
    return affine


def _ellipsoid(
    rng: np.random.Generator,
    grid: NDArray[np.float32],
    centre: NDArray[np.float64],
    radius: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """An ellipsoid [D, H, W] whose radius varies smoothly by about 10 %."""
    distance = np.sqrt(
        (((grid - centre.astype(np.float32)) / radius.astype(np.float32)) ** 2).sum(-1)
    )
    return distance < 1 + 0.1 * _smooth(rng, grid.shape[:3], 5.0)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], parts: float) -> NDArray[np.float32]:
    """Smooth noise of sd about 1, with some `parts` hills along an axis."""
    coarse = tuple(max(2, min(int(parts), size)) for size in shape)
    noise = rng.standard_normal(coarse, dtype=np.float32)
    # Axis by axis as small matrix products: 10 times faster than resampling the volume.
    for axis, (size, few) in enumerate(zip(shape, coarse, strict=True)):
        position = (np.arange(size, dtype=np.float32) + 0.5) * few / size - 0.5
        position = np.clip(position, 0, few - 1)
        weight = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(few, dtype=np.float32)))
        noise = np.moveaxis(np.tensordot(weight, noise, axes=(1, axis)), 0, axis)
    return noise
