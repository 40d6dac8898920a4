"""Reads cases and measures their facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from unet.data import geometry
from unet.data.body import body_of
from unet.data.case_facts import CaseFacts, ChannelFacts, LabelPlace
from unet.data.dataset import Case, Dataset
from unet.data.preparation import MAX_SAMPLES
from unet.data.resampling import value_counts
from unet.data.volume import Volume, read_case

PERCENTILES = (0.5, 5.0, 25.0, 50.0, 75.0, 95.0, 99.5)  # of the body, per channel
QUANTILES = 100
"""Kept of the labelled voxels of a case, each the middle of an equal share of them, so that
percentiles of several cases' pooled quantiles are those of the pooled voxels, and a few stray
voxels are none of them."""


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
    places: dict[int, LabelPlace] = {}
    if label is not None:
        counts = value_counts(label)
        marked = geometry.to_ras(label, orientation) > 0
        cut = int(marked.sum()) - int(geometry.crop(marked, box).sum())
        places = _places(geometry.crop(geometry.to_ras(label, orientation), box), labels)
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
        orientation=geometry.axis_codes(orientation),
        places=places,
    )


def read_facts(dataset: Dataset, case: Case, channels: Sequence[int]) -> CaseFacts:
    """Reads a case and returns its facts.

    Raises:
        DataError: the case is damaged.
    """
    image, label = read_case(dataset, case, channels)
    return facts_of_case(case.id, image, label, dataset.labels)


def read_all_facts(
    dataset: Dataset,
    cases: Sequence[str],
    channels: Sequence[int],
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[CaseFacts, ...]:
    """The facts of `cases` in their order.

    Args:
        dataset: as loaded.
        cases: ids.
        channels: indices of the channels in use.
        on_progress: called with (done, total).

    Raises:
        DataError: a case is damaged.
    """
    facts = []
    for done, case_id in enumerate(cases):
        if on_progress:
            on_progress(done, len(cases))
        facts.append(read_facts(dataset, dataset.case(case_id), channels))
    if on_progress:
        on_progress(len(cases), len(cases))
    return tuple(facts)


def _places(label: NDArray[np.uint8], labels: Iterable[int]) -> dict[int, LabelPlace]:
    """Where each label of [D, H, W] that is there lies along the first axis."""
    counts = np.array([value_counts(sagittal) for sagittal in label])
    at = (np.arange(len(label)) + 0.5) / len(label)
    places = {}
    for value in labels:
        total = int(counts[:, value].sum())
        if total:
            share = counts[:, value] / total
            centre = float(share @ at)
            # A slice on the middle belongs to both halves.
            right = share[at > 0.5 + 1e-9].sum() + share[np.isclose(at, 0.5)].sum() / 2
            places[value] = LabelPlace(
                right=round(float(right), 4),
                centre=round(centre, 4),
                spread=round(float(np.sqrt(share @ (at - centre) ** 2)), 4),
            )
    return places


def _channel_facts(
    body: NDArray[np.float32], foreground: NDArray[np.float32] | None
) -> ChannelFacts:
    values = body.ravel()
    values = values[:: max(1, values.size // MAX_SAMPLES)]
    percentiles = _short(np.percentile(values, PERCENTILES))
    if foreground is None or foreground.size == 0:
        return ChannelFacts(percentiles=percentiles)
    quantiles = np.percentile(foreground, (np.arange(QUANTILES) + 0.5) * (100 / QUANTILES))
    return ChannelFacts(
        percentiles=percentiles,
        foreground_mean=float(foreground.mean(dtype=np.float64)),
        foreground_sd=float(foreground.std(dtype=np.float64)),
        foreground_quantiles=_short(quantiles),
    )


def _short(values: NDArray[np.floating]) -> tuple[float, ...]:
    """Six digits: a fingerprint of hundreds of cases stays a file that people can open."""
    return tuple(float(f"{value:.6g}") for value in values)
