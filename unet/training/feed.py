"""Batches for one rank, made in a background thread while the step before runs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unet.data.cache import Cache
from unet.data.regions import Target
from unet.training.augmentation import Augmentation, augmented_patch
from unet.training.sampler import case_order, patch_place, patch_rng

PREFETCH = 3  # batches made ahead: evens out the cost of rare rotations
# Cases kept open: a memory map holds a file descriptor, of which a process often has 1,024.
OPEN_CASES = 256


@dataclass(frozen=True)
class Batch:
    """What one step of one rank consumes.

    Attributes:
        image: ``[N, d, h, w, C]``.
        target: ``[N, d, h, w, outputs]``.
        cases: ids of the N patches' cases.
    """

    image: NDArray[np.float32]
    target: NDArray[np.uint8]
    cases: tuple[str, ...]


class Feed:
    """Draws patches of the training cases, sharded over ranks.

    Step s of an epoch takes the global indices ``[s * B * size, (s + 1) * B * size)``;
    rank r takes every size-th of them.  All ranks take equally many steps.
    """

    def __init__(
        self,
        cache: Cache,
        cases: Sequence[str],
        target: Target,
        patch_size: tuple[int, int, int],
        batch_size: int,
        seed: int,
        rank: int = 0,
        size: int = 1,
        augmentation: Augmentation | None = None,
        voxel_width: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.cases, self.target = tuple(cases), target
        self.patch_size, self.batch_size = patch_size, batch_size
        self.seed, self.rank, self.size = seed, rank, size
        self.augmentation = augmentation or Augmentation()
        self.voxel_width = voxel_width
        self.labels = sorted({value for region in target.regions for value in region.labels})
        self.waited = 0.0  # seconds the training loop stood still for want of a batch
        self._open = lru_cache(OPEN_CASES)(cache.open)

    def batches(self, epoch: int, steps: int, first: int = 0) -> Iterator[Batch]:
        """Yields the batches of steps ``first … steps - 1`` of an epoch."""
        width = self.batch_size * self.size
        order = case_order(self.seed, epoch, len(self.cases), steps * width)
        ahead: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="feed") as pool:
            try:
                for step in range(first, steps):
                    while len(ahead) < PREFETCH and step + len(ahead) < steps:
                        wanted = step + len(ahead)
                        indices = range(wanted * width + self.rank, (wanted + 1) * width, self.size)
                        ahead.append(pool.submit(self._batch, epoch, indices, order))
                    began = time.perf_counter()
                    batch = ahead.popleft().result()
                    self.waited += time.perf_counter() - began
                    yield batch
            finally:
                for future in ahead:
                    future.cancel()

    def _batch(self, epoch: int, indices: range, order: NDArray[np.int64]) -> Batch:
        names = tuple(self.cases[order[index]] for index in indices)
        pairs = [
            self._patch(name, epoch, index) for name, index in zip(names, indices, strict=True)
        ]
        return Batch(
            image=np.stack([image for image, _ in pairs]),
            target=np.stack([self.target.encode(label) for _, label in pairs]),
            cases=names,
        )

    def _patch(
        self, name: str, epoch: int, index: int
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        prepared = self._open(name)
        assert prepared.label is not None, "training cases have labels"
        rng = patch_rng(self.seed, epoch, index)
        place = patch_place(prepared, self.patch_size, self.labels, rng)
        return augmented_patch(
            prepared.image,
            prepared.label,
            place,
            self.patch_size,
            rng,
            self.augmentation,
            prepared.record.spacing or self.voxel_width,
        )
