"""From a trained model and an image to probabilities on the image's own grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unet.data.preparation import prepare_image, restored
from unet.data.recipe import Record
from unet.data.regions import Target
from unet.data.volume import Volume
from unet.inference.engines import (
    Engine,
    EngineChoice,
    Precision,
    choose_engine,
    make_engine,
)
from unet.inference.settings import ModelSettings
from unet.inference.sliding_window import rolling_axis, sliding_rows
from unet.network.model import build_network
from unet.network.saved_model import SavedModel
from unet.planning.network import NetworkSpec
from unet.system.cgroup import memory_available_bytes
from unet.system.machine import Machine, this_machine

LARGE_WINDOW = 128
"""Voxels a side up to which a network with batch norm is run whole."""


class Predictor:
    """A trained network, ready to predict volume after volume.

    Args:
        saved: the model.
        channels: of the image files, in the order of the model's own.
        backend: which engine.
        overlap: least share of a window that its neighbour covers.
        mirror: whether to average over the mirrorings that training has shown the network;
            along other axes it has not learnt to be symmetric.  Twice the work.
        machine: whose threads to use; this one by default.
    """

    def __init__(
        self,
        saved: SavedModel,
        channels: Sequence[int] | None = None,
        *,
        backend: EngineChoice = "auto",
        overlap: float = 0.5,
        mirror: bool = False,
        machine: Machine | None = None,
    ) -> None:
        self.saved = saved
        picked = tuple(channels) if channels is not None else saved.recipe.channels
        self.recipe = saved.recipe.model_copy(update={"channels": picked})
        self.overlap = overlap
        self.mirror_axes = saved.plan.mirror_axes if mirror else ()
        self.engine_name = choose_engine(backend)
        self._machine = machine or this_machine()
        self._engines: dict[tuple[int, int, int], Engine] = {}
        self._precision = self._settled_precision()

    def _settled_precision(self) -> Precision | None:
        """What to compute in; None until OpenVINO has found out which is the faster.

        A model that was trained in float32 is never computed in less.
        """
        if not self._machine.bfloat16 or self.saved.plan.precision == "float32":
            return "float32"
        return "bfloat16" if self.engine_name == "tensorflow" else None

    def engine(self, window: tuple[int, int, int]) -> Engine:
        """The engine for windows of one size, compiled at first use."""
        if window not in self._engines:
            network = self.saved.plan.network
            of_model = self._precision if self.engine_name == "tensorflow" else None
            model = build_network(network, of_model or "float32", window)
            model.set_weights(self.saved.weights)
            self._engines[window] = make_engine(
                self.engine_name,
                model,
                window,
                filters=network.filters[0],
                threads=self._machine.cores,
                memory_bytes=memory_available_bytes(),
                precision=self._precision,
            )
            self._precision = self._engines[window].precision
        return self._engines[window]

    @property
    def ran(self) -> str:
        """Engine and precision that predicted."""
        return f"{self.engine_name} in {self._precision}"

    def prepare(self, volume: Volume, case: str = "") -> Prepared:
        """Prepares one case; the volume is not needed any more.

        Args:
            volume: the model's channels only, as stored.
            case: id for the record.
        """
        given = volume.array, volume.affine, volume.spacing
        return Prepared(*prepare_image(*given, self.recipe, case))

    def probabilities(self, volume: Volume, case: str = "") -> np.ndarray:
        """Predicts one case.

        Args:
            volume: the model's channels only, as stored.
            case: id for the record.

        Returns:
            float32 [X, Y, Z, outputs] on the image's own grid; 0 outside the body.
        """
        return self.restored_probabilities(self.prepare(volume, case))

    def restored_probabilities(self, prepared: Prepared) -> np.ndarray:
        """As `probabilities`, of a case that is prepared."""
        outputs = self.saved.target.outputs
        return self._restored(prepared, lambda row: row, np.float32, outputs)

    def masks(self, prepared: Prepared) -> np.ndarray:
        """A mask of each region, bool [X, Y, Z, R] on the image's own grid."""
        target = self.saved.target
        return self._restored(prepared, target.decode, np.bool_, len(target.regions))

    def label_map(self, prepared: Prepared) -> tuple[np.ndarray, dict[str, int]]:
        """One volume to save, uint8 [X, Y, Z] on the image's own grid, and voxels by region.

        Takes a byte per voxel, whatever the number of regions.
        """
        target = self.saved.target
        counts = np.zeros(len(target.regions), np.int64)

        def use(row: np.ndarray) -> np.ndarray:
            masks = target.decode(row)
            counts[:] += masks.sum(axis=(0, 1))
            return target.label_map(masks)

        label_map = self._restored(prepared, use, np.uint8, None)
        return label_map, dict(zip(target.names, counts.tolist(), strict=True))

    def _restored(
        self,
        prepared: Prepared,
        use: Callable[[np.ndarray], np.ndarray],
        dtype: type[np.generic],
        width: int | None,
    ) -> np.ndarray:
        plan, image = self.saved.plan, prepared.image
        window = window_size(plan.network, plan.patch_size, image.shape)
        engine = self.engine(window)
        rows = sliding_rows(engine, image, window, self.overlap, engine.batch, self.mirror_axes)
        activated = (activate(row, self.saved.target) for row in rows)
        axis = rolling_axis(image.shape[:3], window)
        return restored(activated, axis, prepared.record, use, dtype, width)


def make_predictor(
    settings: ModelSettings, saved: SavedModel, channels: Sequence[int]
) -> Predictor:
    """A predictor as the settings say, for images with the model's channels at `channels`."""
    return Predictor(
        saved,
        channels,
        backend=settings.backend,
        overlap=settings.overlap,
        mirror=settings.mirror,
    )


@dataclass(frozen=True)
class Prepared:
    """A case as the network sees it: float16 [D, H, W, C], and the way back."""

    image: np.ndarray
    record: Record


def window_size(
    network: NetworkSpec, patch: tuple[int, int, int], shape: Sequence[int]
) -> tuple[int, int, int]:
    """The window to predict a volume [D, H, W, …] by.

    Instance norm takes its statistics from the window, so the window must be the patch of
    the training. Batch norm does not: there a larger window wastes less on overlaps and
    edges, so it grows towards the volume, up to `LARGE_WINDOW` a side.
    """
    if network.normalisation != "batch":
        return patch
    sides = [
        max(edge, divisor * math.ceil(min(size, LARGE_WINDOW) / divisor))
        for edge, size, divisor in zip(patch, shape[:3], network.divisor, strict=True)
    ]
    return (sides[0], sides[1], sides[2])


def activate(logits: np.ndarray, target: Target) -> np.ndarray:
    """Turns logits [D, H, W, outputs] into probabilities, in place."""
    if target.activation == "softmax":
        logits -= logits.max(axis=-1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=-1, keepdims=True)
        return logits
    # Beyond ±30 a float32 sigmoid is 0 or 1 anyway, and exp does not overflow.
    np.clip(logits, -30, 30, out=logits)
    np.negative(logits, out=logits)
    np.exp(logits, out=logits)
    logits += 1
    np.reciprocal(logits, out=logits)
    return logits
