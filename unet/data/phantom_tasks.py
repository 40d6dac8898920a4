"""The ten Decathlon tasks as phantoms: channels, labels, storage and known slips of each.

And one whose two labels differ by their side alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal


@dataclass(frozen=True)
class Structure:
    """A labelled ellipsoid, painted over what is there.

    `radius` and `spread` (of the centre) are fractions of the volume's size; `contrast` is
    added per channel, in units of the noise's sd. `inside` names the value of an earlier
    structure that this one stays in and is centred on, instead of on `centre`. `half` keeps
    only the front (+1) or back (-1) of it.
    """

    value: int
    name: str
    radius: tuple[float, float, float]
    contrast: tuple[float, ...]
    spread: float = 0.1
    inside: int | None = None
    half: int = 0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class PhantomTask:
    """How the files of a Decathlon task task. `shape` and `spacing` are along the RAS axes."""

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


def _kidney(value: int, name: str, side: float) -> Structure:
    return Structure(value, name, (0.13, 0.2, 0.2), (3.0,), spread=0.03, centre=(side, 0, 0))


_TUMOUR = (
    Structure(1, "edema", (0.2, 0.2, 0.2), (4.0, -1.0, -0.5, 4.0), spread=0.12),
    Structure(2, "non-enhancing tumor", (0.13, 0.13, 0.13), (2.5, -2.0, -1.0, 5.0), inside=1),
    Structure(3, "enhancing tumour", (0.08, 0.08, 0.08), (3.0, -1.0, 6.0, 3.0), inside=2),
)
_ct = partial(PhantomTask, scale=15.0, offset=40.0, background=-1024.0, spacing_spread=0.2)

TASKS: dict[str, PhantomTask] = {
    task.name: task
    for task in (
        PhantomTask(
            "Task01_BrainTumour",
            ("FLAIR", "T1w", "t1gd", "T2w"),
            (64, 72, 56),
            (2.5, 2.5, 2.5),
            _TUMOUR,
            case_prefix="BRATS",
        ),
        PhantomTask(
            "Task02_Heart",
            ("MRI",),
            (64, 64, 40),
            (1.25, 1.25, 1.37),
            (_blob(1, "left atrium", 0.16, 3.0),),
            dtype="float32",
            axcodes="RAS",
            case_prefix="la",
        ),
        _ct(
            "Task03_Liver",
            ("CT",),
            (72, 72, 60),
            (0.77, 0.77, 1.0),
            (_blob(1, "liver", 0.22, 3.0), Structure(2, "cancer", (0.08,) * 3, (-3.0,), inside=1)),
            axcodes="LAS",
            case_prefix="liver",
        ),
        PhantomTask(
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
        PhantomTask(
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
        _ct(
            "Task06_Lung",
            ("CT",),
            (64, 64, 62),
            (0.8, 0.8, 1.25),
            (_blob(1, "cancer", 0.1, 4.0),),
            axcodes="LAS",
            case_prefix="lung",
        ),
        _ct(
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
        ),
        _ct(
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
        ),
        _ct(
            "Task09_Spleen",
            ("CT",),
            (64, 64, 31),
            (0.79, 0.79, 5.0),
            (_blob(1, "spleen", 0.18, 3.0),),
            axcodes="ARS",
            dtype="float64",
            case_prefix="spleen",
        ),
        _ct(
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
        ),
        # Two structures that only their side tells apart: no mirroring may exchange them.
        PhantomTask(
            "LeftRight",
            ("MRI",),
            (48, 40, 32),
            (2.0, 2.0, 2.0),
            (_kidney(1, "left kidney", -0.2), _kidney(2, "right kidney", 0.2)),
            case_prefix="pair",
        ),
    )
}
