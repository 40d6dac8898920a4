"""Facts of a data set: what planning decides by. Pure; `unet.data.case_measurement` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from unet.data.axes import Shape, by_axis
from unet.data.case_facts import CaseFacts
from unet.data.dataset import Dataset
from unet.planning.modality import is_ct
from unet.system.errors import DataError


class Fingerprint(BaseModel):
    """Facts of all cases of a data set for the channels in use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    channels: tuple[int, ...]
    channel_names: tuple[str, ...]
    is_ct: tuple[bool, ...]
    labels: dict[int, str]
    cases: tuple[CaseFacts, ...]

    def of(self, cases: Iterable[str]) -> Fingerprint:
        """The same of some cases only, such as those that train."""
        chosen = set(cases)
        kept = tuple(case for case in self.cases if case.case in chosen)
        return self.model_copy(update={"cases": kept})

    @property
    def spacing_known(self) -> bool:
        """Whether every case tells its spacing, so that mm may be reported for all."""
        return all(case.spacing is not None for case in self.cases)

    @property
    def median_cropped_shape(self) -> Shape:
        """The median size along each RAS axis after cropping, in voxels."""
        sizes = np.median([case.cropped_shape for case in self.cases], axis=0)
        return by_axis(round(float(size)) for size in sizes)


def make_fingerprint(
    dataset: Dataset, channels: Sequence[int], facts: Sequence[CaseFacts]
) -> Fingerprint:
    """The fingerprint of the cases whose facts are given.

    Each rank measures a share of the cases (`unet.data.case_measurement`, or preflight on
    the way), the ranks exchange them, and each calls this with all of them.

    Raises:
        DataError: there is no case.
    """
    if not facts:
        raise DataError(f"{dataset.name}: training", "no case", "add cases to dataset.json")
    names = tuple(dataset.channels[channel] for channel in channels)
    return Fingerprint(
        dataset=dataset.name,
        channels=tuple(channels),
        channel_names=names,
        is_ct=tuple(
            is_ct(name, [case.channels[index] for case in facts])[0]
            for index, name in enumerate(names)
        ),
        labels=dataset.labels,
        cases=tuple(facts),
    )
