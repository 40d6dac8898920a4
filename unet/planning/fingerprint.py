"""Facts of a data set: what planning decides by. One pass over the cases, sharded by rank."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from unet.data import geometry
from unet.data.body import body_of
from unet.data.msd import Case, Dataset
from unet.data.preparation import MAX_SAMPLES, SPACING_TOLERANCE, CtStats, Recipe
from unet.data.volume import Volume, read_image, read_label
from unet.system.errors import DataError

PERCENTILES = (0.5, 5.0, 25.0, 50.0, 75.0, 95.0, 99.5)  # of the body, per channel
QUANTILES = 101  # kept of the labelled voxels of a case: enough to pool over cases
ANISOTROPY = 3.0  # nnU-Net: a worst axis this much coarser than the others is its own case
COARSE_PERCENTILE = 10.0  # nnU-Net: there, most of the data set's finer cases decide


class ChannelFacts(BaseModel):
    """Intensities of one channel of one case.

    `percentiles` (0.5, 5, 25, 50, 75, 95, 99.5) are of the body. The rest is of the labelled
    voxels: mean, sd and quantiles from 0 to 100 % in steps of 1, empty without label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    percentiles: tuple[float, ...]
    foreground_mean: float = 0.0
    foreground_sd: float = 0.0
    foreground_quantiles: tuple[float, ...] = ()


class CaseFacts(BaseModel):
    """Facts of one case. Shapes in voxels, spacing in mm, all along the RAS axes.

    `spacing` is None where the header does not tell it. `body_fraction` is the body's share
    of the cropped box. `label_voxels` counts every label of dataset.json, 0 if absent;
    `labels_cut` those that lie outside the box.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    shape: geometry.Shape
    cropped_shape: geometry.Shape
    spacing: geometry.Spacing | None
    body_fraction: float
    channels: tuple[ChannelFacts, ...]
    label_voxels: dict[int, int]
    labels_cut: int = 0


class Fingerprint(BaseModel):
    """Facts of all cases of a data set for the channels in use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    channels: tuple[int, ...]
    channel_names: tuple[str, ...]
    is_ct: tuple[bool, ...]
    labels: dict[int, str]
    cases: tuple[CaseFacts, ...]

    @property
    def spacing_known(self) -> bool:
        """Whether every case tells its spacing, so that mm may be reported for all."""
        return all(case.spacing is not None for case in self.cases)

    @property
    def median_cropped_shape(self) -> geometry.Shape:
        """The median size along each RAS axis after cropping, in voxels."""
        sizes = np.median([case.cropped_shape for case in self.cases], axis=0)
        return tuple(round(float(size)) for size in sizes)  # type: ignore[return-value]


def facts_of_case(
    case: str,
    image: Volume,
    label: NDArray[np.uint8] | None,
    labels: Iterable[int],
) -> CaseFacts:
    """Facts of a case that has been read.

    Args:
        case: id.
        image: [X, Y, Z, C], the channels in use.
        label: values [X, Y, Z], or None.
        labels: the label values of dataset.json.
    """
    orientation = geometry.orientation_of(image.affine)
    array = geometry.to_ras(image.array, orientation)
    box, body = body_of(array)
    cropped = geometry.crop(array, box)
    counts = np.zeros(256, dtype=np.int64)
    marked, cut = None, 0
    if label is not None:
        counts = np.bincount(label.ravel(), minlength=256)
        marked = geometry.to_ras(label, orientation) > 0
        cut = int(marked.sum()) - int(geometry.crop(marked, box).sum())
    return CaseFacts(
        case=case,
        shape=array.shape[:3],
        cropped_shape=cropped.shape[:3],
        spacing=image.spacing,
        body_fraction=1.0 if body is None else float(body.mean()),
        channels=tuple(
            _channel_facts(
                cropped[..., channel] if body is None else cropped[..., channel][body],
                None if marked is None else array[..., channel][marked],
            )
            for channel in range(array.shape[3])
        ),
        label_voxels={value: int(counts[value]) for value in labels},
        labels_cut=cut,
    )


def read_facts(dataset: Dataset, case: Case, channels: Sequence[int]) -> CaseFacts:
    """Reads a case and returns its facts.

    Raises:
        DataError: the case is damaged.
    """
    image = read_image(case.image, len(dataset.channels), channels)
    label = None
    if case.label is not None:
        label = read_label(case.label, image, tuple(dataset.labels))
    return facts_of_case(case.id, image, label, dataset.labels)


def compute_fingerprint(
    dataset: Dataset,
    cases: Sequence[str],
    channels: Sequence[int],
    known: Sequence[CaseFacts] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Fingerprint:
    """The fingerprint of `cases`; those whose facts are `known` are not read again.

    A rank that holds a share of the cases computes their facts with `read_facts` (or gets
    them from preflight), the ranks exchange them, and each calls this with all of them.

    Raises:
        DataError: a case is damaged, or there is none.
    """
    if not cases:
        raise DataError(f"{dataset.name}: training", "no case", "add cases to dataset.json")
    found = {facts.case: facts for facts in known}
    for done, case_id in enumerate(cases):
        if on_progress:
            on_progress(done, len(cases))
        if case_id not in found:
            found[case_id] = read_facts(dataset, dataset.case(case_id), channels)
    if on_progress:
        on_progress(len(cases), len(cases))
    names = tuple(dataset.channels[channel] for channel in channels)
    return Fingerprint(
        dataset=dataset.name,
        channels=tuple(channels),
        channel_names=names,
        is_ct=tuple(is_ct(name) for name in names),
        labels=dataset.labels,
        cases=tuple(found[case_id] for case_id in cases),
    )


def is_ct(modality: str) -> bool:
    """Whether a modality's name means computed tomography: Hounsfield units are absolute."""
    return re.match(r"(?:.*\b)?cta?\b", modality.strip().casefold()) is not None


def target_spacing(fingerprint: Fingerprint) -> geometry.Spacing | None:
    """The spacing in mm to resample to, or None where the cases' own grids serve.

    nnU-Net's rule: the median along each axis; along one that is more than three times
    coarser than the others, the 10th percentile. None where all grids are alike already, or
    where most cases do not tell theirs: a case of unknown spacing keeps its grid, and the
    others had better look like it then.
    """
    known = [case.spacing for case in fingerprint.cases if case.spacing is not None]
    if 2 * len(known) < len(fingerprint.cases):
        return None
    spacings = np.array(known)
    target = np.median(spacings, axis=0)
    if np.allclose(spacings, target, rtol=SPACING_TOLERANCE):
        return None
    worst = int(target.argmax())
    others = np.delete(target, worst)
    if target[worst] > ANISOTROPY * others.max():
        finer = float(np.percentile(spacings[:, worst], COARSE_PERCENTILE))
        target[worst] = max(finer, float(others.max()))
    return tuple(float(size) for size in target)  # type: ignore[return-value]


def make_recipe(fingerprint: Fingerprint, spacing: geometry.Spacing | None) -> Recipe:
    """The recipe for the fingerprint's channels at a target spacing (see `target_spacing`).

    CT, if every channel is: clip and z-score by the data set's labelled voxels (nnU-Net).
    Else each channel of each case by its own body.
    """
    channels = fingerprint.channels
    if not all(fingerprint.is_ct):
        return Recipe(channels=channels, spacing=spacing)
    stats = [_pooled(fingerprint, index) for index in range(len(channels))]
    if any(stat is None for stat in stats):  # no labelled voxel: nothing to pool
        return Recipe(channels=channels, spacing=spacing)
    pooled = tuple(stat for stat in stats if stat is not None)
    return Recipe(channels=channels, spacing=spacing, scheme="ct", ct_stats=pooled)


def _pooled(fingerprint: Fingerprint, index: int) -> CtStats | None:
    """Statistics over all cases, each weighing the same whatever its lesion's size."""
    facts = [case.channels[index] for case in fingerprint.cases]
    facts = [channel for channel in facts if channel.foreground_quantiles]
    if not facts:
        return None
    quantiles = np.array([channel.foreground_quantiles for channel in facts])
    low, high = np.percentile(quantiles, (0.5, 99.5))
    means = np.array([channel.foreground_mean for channel in facts])
    variances = np.array([channel.foreground_sd for channel in facts]) ** 2
    sd = float(np.sqrt(variances.mean() + means.var()))
    return CtStats(low=float(low), high=float(high), mean=float(means.mean()), sd=sd)


def _channel_facts(
    body: NDArray[np.float32], foreground: NDArray[np.float32] | None
) -> ChannelFacts:
    values = body.ravel()
    values = values[:: max(1, values.size // MAX_SAMPLES)]
    percentiles = _short(np.percentile(values, PERCENTILES))
    if foreground is None or foreground.size == 0:
        return ChannelFacts(percentiles=percentiles)
    quantiles = np.percentile(foreground, np.linspace(0, 100, QUANTILES))
    return ChannelFacts(
        percentiles=percentiles,
        foreground_mean=float(foreground.mean(dtype=np.float64)),
        foreground_sd=float(foreground.std(dtype=np.float64)),
        foreground_quantiles=_short(quantiles),
    )


def _short(values: NDArray[np.floating]) -> tuple[float, ...]:
    """Six digits: a fingerprint of hundreds of cases stays a file that people can open."""
    return tuple(float(f"{value:.6g}") for value in values)
