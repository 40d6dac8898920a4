"""Which slices of a case its picture shows: the largest lesion, the worst error, two more planes.

Volumes are in RAS order: axis 0 runs to the right, 1 to the front, 2 upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unet.data.axes import Orientation

PLANES = ("sagittal", "coronal", "axial")
"""The plane across each axis."""
AXIAL = 2


@dataclass(frozen=True)
class Slice:
    """One plane of a RAS volume, through `index` of `axis`; `why` is its caption."""

    axis: int
    index: int
    why: str

    @property
    def plane(self) -> str:
        """The plane's name."""
        return PLANES[self.axis]

    def cut(self, volume: np.ndarray) -> np.ndarray:
        """The plane as it is shown: [D, H, W] → [up, across], right or anterior to the left."""
        plane: np.ndarray = np.take(volume, self.index, axis=self.axis).T[:, ::-1]
        return plane

    def place_in_file(self, orientation: Orientation, shape: Sequence[int]) -> str:
        """The plane as the file counts it, from 0: ``k=31``.

        Args:
            orientation: of the file.
            shape: of the whole volume in RAS order.
        """
        file_axis = next(i for i, (ras, _) in enumerate(orientation) if ras == self.axis)
        flipped = orientation[file_axis][1] < 0
        return f"{'ijk'[file_axis]}={shape[self.axis] - 1 - self.index if flipped else self.index}"


@dataclass(frozen=True)
class ChosenSlices:
    """The slices of a picture.

    Attributes:
        largest: axial, of the largest actual area.
        worst: axial, of most disagreement; None if there is none but in `largest`.
        others: planes across `largest`, or more axial ones; None if the volume has no more.
    """

    largest: Slice
    worst: Slice | None
    others: tuple[Slice | None, Slice | None]


def choose_slices(prediction: np.ndarray, truth: np.ndarray, *, flat: bool = False) -> ChosenSlices:
    """Axial slices of the largest actual area and of most disagreement, and two more planes.

    Args:
        prediction: uint8 [D, H, W].
        truth: uint8 [D, H, W].
        flat: whether the volume is too flat for planes across it; then axial ones are added.
    """
    shown, whose = (truth, "actual") if truth.any() else (prediction, "predicted")
    area = np.count_nonzero(shown, axis=(0, 1))
    largest = int(area.argmax()) if area.any() else len(area) // 2
    why = f"largest {whose} area" if area.any() else "nothing to see"
    worst = _worst_slice(prediction, truth, largest)
    others = _more_axial(area, largest, worst) if flat else _across(shown, largest)
    return ChosenSlices(Slice(AXIAL, largest, why), worst, others)


def _worst_slice(prediction: np.ndarray, truth: np.ndarray, largest: int) -> Slice | None:
    """The axial slice of most disagreement that is not beside the one of the largest area."""
    wrong = np.count_nonzero(prediction != truth, axis=(0, 1))
    # A second slice beside the first tells nothing new: look a little further off.
    near = max(1, len(wrong) // 40)
    wrong[max(0, largest - near) : largest + near + 1] = 0
    return Slice(AXIAL, int(wrong.argmax()), "most disagreement") if wrong.any() else None


def _more_axial(
    area: np.ndarray, largest: int, worst: Slice | None
) -> tuple[Slice | None, Slice | None]:
    """Axial slices at a quarter and at three quarters of what is marked."""
    marked = np.flatnonzero(area) if area.any() else np.arange(len(area))
    taken = {largest, worst.index if worst else largest}
    lower, upper = (int(marked[int(share * len(marked))]) for share in (0.25, 0.75))
    return (
        None if lower in taken else Slice(AXIAL, lower, ""),
        None if upper in taken else Slice(AXIAL, upper, ""),
    )


def _across(shown: np.ndarray, largest: int) -> tuple[Slice, Slice]:
    """The coronal and the sagittal plane through the middle of what is marked in one slice."""
    marked = shown[:, :, largest]
    centre = (
        np.argwhere(marked).mean(axis=0).astype(int)
        if marked.any()
        else np.array(marked.shape) // 2
    )
    return Slice(1, int(centre[1]), ""), Slice(0, int(centre[0]), "")
