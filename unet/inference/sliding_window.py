"""Gaussian-weighted sliding windows over one volume: numpy only, any predictor.

Windows lie on a grid of evenly spread starts (nnU-Net's `compute_steps`), so the
last window never overlaps its neighbour more than the others do.  Because the
grid is a product of three axes and the Gaussian is separable, the sum of all
weights is separable too: three vectors take the place of a weight volume.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from unet.inference.gaussian_weight import axis_weight, gaussian

Predict = Callable[[np.ndarray], np.ndarray]
"""float32 [N, d, h, w, C] → float32 [N, d, h, w, K], logits."""

PAD_VALUE = 0.0
"""What surrounds a volume smaller than the patch: the mean of the body after z-scoring."""


def window_starts(
    shape: Sequence[int], patch: Sequence[int], overlap: float = 0.5
) -> tuple[tuple[int, ...], ...]:
    """First indices of the windows along each axis.

    Args:
        shape: size of the volume in voxels, per axis.
        patch: size of a window; an axis shorter than it has the one start 0.
        overlap: least share of a window that its neighbour covers, 0 ≤ overlap < 1.

    Raises:
        ValueError: if `overlap` lies outside [0, 1).
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be at least 0 and below 1, not {overlap}")
    return tuple(_axis_starts(n, p, overlap) for n, p in zip(shape, patch, strict=True))


def sliding_window(
    predict: Predict,
    image: np.ndarray,
    patch: Sequence[int],
    overlap: float = 0.5,
    batch: int = 1,
    mirror_axes: Sequence[int] = (),
) -> np.ndarray:
    """Predicts a whole volume from overlapping windows.

    Windows that hold one constant value per channel (air, or zeros outside the
    body) all have the same answer: it is computed once and used again.

    Args:
        predict: maps windows to logits (or probabilities; they are averaged as they are).
        image: [D, H, W, C], any float type; read window by window, so a memory map will do.
        patch: (d, h, w) of a window in voxels.
        overlap: least share of a window that its neighbour covers.
        batch: windows handed to `predict` at once, at most.
        mirror_axes: axes of (0, 1, 2) to mirror; every combination is predicted and averaged.

    Returns:
        float32 [D, H, W, K].
    """
    axis = rolling_axis(image.shape[:3], patch)
    rows = list(sliding_rows(predict, image, patch, overlap, batch, mirror_axes))
    return np.moveaxis(np.stack(rows), 0, axis)


def rolling_axis(shape: Sequence[int], patch: Sequence[int]) -> int:
    """The axis of (0, 1, 2) along which the fewest rows are worked on at once."""
    return max(range(3), key=lambda axis: shape[axis] / patch[axis])


def sliding_rows(
    predict: Predict,
    image: np.ndarray,
    patch: Sequence[int],
    overlap: float = 0.5,
    batch: int = 1,
    mirror_axes: Sequence[int] = (),
) -> Iterator[np.ndarray]:
    """As `sliding_window`, but gives the volume row by row along its `rolling_axis`.

    Only as many rows as a window is long are held at a time.

    Yields:
        float32 [A, B, K], A and B the other two axes.
    """
    shape = image.shape[:3]
    padded, before = _pad_to(image, patch)
    starts = window_starts(padded.shape[:3], patch, overlap)
    axis = rolling_axis(shape, patch)
    others = [other for other in range(3) if other != axis]
    weight = gaussian(patch)[..., None]
    covered = [_covered(*each) for each in zip(padded.shape, starts, patch, strict=False)]
    inside = tuple(slice(before[i], before[i] + shape[i]) for i in others)
    held: np.ndarray | None = None
    base = 0

    def finished(count: int) -> Iterator[np.ndarray]:
        """The first `count` rows held, divided by the weights of all windows over them."""
        assert held is not None, "there is always at least one window"
        for index in range(count):
            row = base + index
            if before[axis] <= row < before[axis] + shape[axis]:
                yield _divided(held[index], axis, row, covered)[inside]

    for start, logits in _predicted(
        _mirrored(predict, mirror_axes), padded, starts, patch, batch, axis
    ):
        if held is None:
            size = (patch[axis], *(padded.shape[i] for i in others), logits.shape[-1])
            held = np.zeros(size, np.float32)
        if start[axis] > base:
            step = start[axis] - base
            yield from finished(min(step, len(held)))
            for index in range(len(held)):  # one by one: no second copy of all
                held[index] = held[index + step] if index + step < len(held) else 0.0
            base = start[axis]
        place = tuple(slice(start[i], start[i] + patch[i]) for i in others)
        held[(slice(None), *place)] += np.moveaxis(weight * logits, axis, 0)
    assert held is not None, "there is always at least one window"
    yield from finished(len(held))


def _covered(size: int, starts: tuple[int, ...], edge: int) -> np.ndarray:
    """The sum of all windows' weights along one axis."""
    weight = axis_weight(edge)
    covered = np.zeros(size, np.float32)
    for first in starts:
        covered[first : first + edge] += weight
    return covered


def _divided(row: np.ndarray, axis: int, index: int, covered: Sequence[np.ndarray]) -> np.ndarray:
    """Turns a row's weighted sums [A, B, K] into means, axis by axis."""
    result = row
    for which, weights in enumerate(covered):
        if which == axis:
            result = result / weights[index]
        else:
            first = which == min(other for other in range(3) if other != axis)
            result = result / weights.reshape((-1, 1, 1) if first else (1, -1, 1))
    return result


def _predicted(
    predict: Predict,
    image: np.ndarray,
    starts: tuple[tuple[int, ...], ...],
    patch: Sequence[int],
    batch: int,
    axis: int,
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yields (start, logits [d, h, w, K]) for every window, those along `axis` in order."""
    constant: dict[bytes, np.ndarray] = {}
    order = (axis, *(other for other in range(3) if other != axis))
    in_order = itertools.product(*(starts[which] for which in order))
    every = (tuple(start[order.index(i)] for i in range(3)) for start in in_order)
    for group in _batched(every, batch):
        windows = [image[_slices(start, patch)].astype(np.float32) for start in group]
        keys = [_constant_key(window) for window in windows]
        todo = [i for i, key in enumerate(keys) if key is None or key not in constant]
        answers: dict[int, np.ndarray] = {}
        if todo:
            answers = dict(zip(todo, predict(np.stack([windows[i] for i in todo])), strict=True))
        for i, (start, key) in enumerate(zip(group, keys, strict=True)):
            answer = answers[i] if key is None or i in answers else constant[key]
            if key is not None:
                constant.setdefault(key, answer)
            yield start, answer


def _constant_key(window: np.ndarray) -> bytes | None:
    """The window's one value per channel as bytes, or None if it varies."""
    first = window[0, 0, 0]
    # Most windows differ along one line already; only the others are read whole.
    if (window[0, 0] != first).any() or (window != first).any():
        return None
    key: bytes = first.tobytes()
    return key


def _mirrored(predict: Predict, mirror_axes: Sequence[int]) -> Predict:
    if not mirror_axes:
        return predict
    flips = [
        tuple(axis + 1 for axis in axes)
        for count in range(len(mirror_axes) + 1)
        for axes in itertools.combinations(mirror_axes, count)
    ]

    def average(windows: np.ndarray) -> np.ndarray:
        total = np.array(predict(windows), np.float32)
        for flip in flips[1:]:
            total += np.flip(predict(np.ascontiguousarray(np.flip(windows, flip))), flip)
        total /= len(flips)
        return total

    return average


def _axis_starts(size: int, patch: int, overlap: float) -> tuple[int, ...]:
    if size <= patch:
        return (0,)
    step = max(1.0, patch * (1 - overlap))
    count = math.ceil((size - patch) / step) + 1
    return tuple(round(i * (size - patch) / (count - 1)) for i in range(count))


def _pad_to(image: np.ndarray, patch: Sequence[int]) -> tuple[np.ndarray, tuple[int, ...]]:
    """The image, centred in a volume no smaller than the patch, and its offset there."""
    short = [max(0, p - n) for n, p in zip(image.shape[:3], patch, strict=True)]
    if not any(short):
        return image, (0, 0, 0)
    margins = [(s // 2, s - s // 2) for s in short]
    padded = np.pad(image, [*margins, (0, 0)], constant_values=PAD_VALUE)
    return padded, tuple(before for before, _ in margins)


def _slices(start: Sequence[int], size: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))


def _batched(starts: Iterable[tuple[int, ...]], size: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    iterator = iter(starts)
    while group := tuple(itertools.islice(iterator, size)):
        yield group
