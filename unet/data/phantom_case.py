"""A phantom's anatomy: a body with organs and lesions, ellipsoids bent by smooth noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unet.data.phantom_tasks import PhantomTask


def make_case(
    task: PhantomTask, seed: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """One case on the RAS grid.

    Args:
        task: what to look like.
        seed: of everything random.

    Returns:
        Image float32 [D, H, W, C] in stored units, label values uint8 [D, H, W].
    """
    rng = np.random.default_rng(seed)
    shape = tuple(int(size * rng.uniform(0.92, 1.08)) for size in task.shape)
    axes = np.meshgrid(*(np.linspace(-0.5, 0.5, size) for size in shape), indexing="ij")
    grid = np.stack(axes, axis=-1).astype(np.float32)
    body = np.ones(shape, dtype=np.bool_)
    if task.body:
        body = _ellipsoid(rng, grid, np.zeros(3), np.full(3, task.body))
    image = np.zeros((*shape, len(task.modality)), dtype=np.float32)
    image += _smooth(rng, shape, 8.0)[..., None]
    label = np.zeros(shape, dtype=np.uint8)
    centres: dict[int, NDArray[np.float64]] = {}
    for structure in task.structures:
        within = body if structure.inside is None else label == structure.inside
        centre = rng.uniform(-structure.spread, structure.spread, 3) + structure.centre
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
    image = image * np.float32(task.scale * rng.uniform(0.8, 1.25)) + np.float32(task.offset)
    image[~body] = task.background
    return image * np.float32(10 ** -rng.uniform(0, task.decades)), label


def _ellipsoid(
    rng: np.random.Generator,
    grid: NDArray[np.float32],
    centre: NDArray[np.float64],
    radius: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """An ellipsoid [D, H, W] whose radius varies smoothly by about 10 %.

    Args:
        rng: draws the variation.
        grid: coordinates [D, H, W, 3], fractions of the volume's size.
        centre: [3], likewise.
        radius: [3], likewise.
    """
    offset = (grid - centre.astype(np.float32)) / radius.astype(np.float32)
    distance: NDArray[np.float32] = np.sqrt((offset**2).sum(-1))
    return distance < 1 + 0.1 * _smooth(rng, grid.shape[:3], 5.0)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], parts: float) -> NDArray[np.float32]:
    """Smooth noise [D, H, W] of sd about 1, with some `parts` hills along an axis."""
    coarse = tuple(max(2, min(int(parts), size)) for size in shape)
    noise = rng.standard_normal(coarse, dtype=np.float32)
    # Axis by axis as small matrix products: 10 times faster than resampling the volume.
    for axis, (size, few) in enumerate(zip(shape, coarse, strict=True)):
        position = (np.arange(size, dtype=np.float32) + 0.5) * few / size - 0.5
        position = np.clip(position, 0, few - 1)
        weight = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(few, dtype=np.float32)))
        noise = np.moveaxis(np.tensordot(weight, noise, axes=(1, axis)), 0, axis)
    return noise
