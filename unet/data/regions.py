"""What the network learns: regions, each a union of labels, or labels that exclude each other.

Overlapping regions (BraTS) get a sigmoid each; exclusive labels share a softmax with the
background.  Regions are found by the labels' names in dataset.json, never by value: MSD
Task01 and BraTS number the same tissues differently.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from unet.data.brain_tumour import brain_tumour_labels
from unet.data.dataset import Dataset
from unet.system.errors import UsageError

THRESHOLD = 0.5  # of a sigmoid; the score's optimum for Dice needs no other by default


class Region(BaseModel):
    """A named union of labels, e.g. whole-tumour = 1, 2 and 3."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    labels: tuple[Annotated[int, Field(ge=0, le=255)], ...]


class Target(BaseModel):
    """What the network's outputs should be: the regions to segment and how they are encoded.

    `exclusive` regions share a softmax with the background; others may overlap and have a
    sigmoid each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    regions: Annotated[tuple[Region, ...], Field(min_length=1)]
    exclusive: bool

    @property
    def outputs(self) -> int:
        """Channels of the network's output, the softmax's background included."""
        return len(self.regions) + 1 if self.exclusive else len(self.regions)

    @property
    def activation(self) -> Literal["softmax", "sigmoid"]:
        """What turns logits into probabilities."""
        return "softmax" if self.exclusive else "sigmoid"

    @property
    def names(self) -> tuple[str, ...]:
        """The regions' names in output order."""
        return tuple(region.name for region in self.regions)

    def region_masks(self, label: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Label values [D, H, W] → a mask per region, bool [D, H, W, R]."""
        table = np.zeros((256, len(self.regions)), dtype=np.bool_)
        for index, region in enumerate(self.regions):
            table[list(region.labels), index] = True
        return table[label]

    def encode(self, label: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Label values [D, H, W] → what the outputs should be, 0 or 1, uint8 [D, H, W, outputs].

        For exclusive labels channel 0 is the background: whatever is in no region.
        """
        masks = self.region_masks(label)
        if self.exclusive:
            masks = np.concatenate([~masks.any(axis=-1, keepdims=True), masks], axis=-1)
        return masks.astype(np.uint8)

    def decode(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Probabilities [D, H, W, outputs] → a mask per region, bool [D, H, W, R].

        Softmax: the most probable class, the background where all are equal (as outside the
        cropped volume, where all are 0).  Sigmoid: above 0.5.
        """
        if not self.exclusive:
            return probabilities > THRESHOLD
        winner = probabilities.argmax(axis=-1)
        masks: NDArray[np.bool_] = winner[..., None] == np.arange(1, self.outputs)
        return masks

    def label_map(self, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Masks [D, H, W, R] → one volume to save, uint8 [D, H, W].

        One region: 0 and 1.  Exclusive labels: the data set's own values.  Overlapping
        regions, from the largest union to the smallest: the value that tells a region from
        those inside it, so that nested BraTS regions give back 1, 2 and 3.
        """
        result = np.zeros(masks.shape[:-1], dtype=np.uint8)
        if len(self.regions) == 1:
            return masks[..., 0].astype(np.uint8)
        order = sorted(range(len(self.regions)), key=lambda i: -len(self.regions[i].labels))
        for position, index in enumerate(order):
            smaller = {v for later in order[position + 1 :] for v in self.regions[later].labels}
            labels = self.regions[index].labels
            distinct = [value for value in labels if value not in smaller]
            result[masks[..., index]] = (distinct or labels)[0]
        return result


def make_target(
    dataset: Dataset, region: str | None = None, labels: tuple[int, ...] | None = None
) -> Target:
    """Decides what to segment.

    Args:
        dataset: its labels' names decide what a region means.
        region: ``whole-tumour``, ``tumour-core``, ``enhancing-tumour`` (data sets with BraTS's
            labels), ``all`` (the union of every label) or a label's name; several with
            commas are overlapping regions.
        labels: label values, one exclusive output each; one value alone is a region.

    Without either: dataset.json's regions where it has some; the whole tumour for BraTS's
    labels; the label where there is one; else every label exclusive of the others.

    Raises:
        UsageError: both are given, or a region or label is unknown.
    """
    if region is not None and labels is not None:
        raise UsageError("--region and --labels", "both given", "give one of them")
    if labels is not None:
        return _from_labels(dataset, labels)
    if region is None:
        if dataset.regions:
            region = ",".join(_spelling(name) for name in dataset.regions)
        elif brain_tumour_labels(dataset.labels):
            region = "whole-tumour"
        else:
            return _from_labels(dataset, tuple(dataset.labels))
    known = _known_regions(dataset)
    names = [_spelling(name) for name in region.split(",") if name.strip()]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]}? " if near else ""
            remedy = f"{hint}choose from {', '.join(known)}"
            raise UsageError("--region", f"no region {name!r} in {dataset.name}", remedy)
    if not names or len(set(names)) != len(names):
        raise UsageError("--region", repr(region), "name each region once")
    return Target(regions=tuple(known[name] for name in names), exclusive=False)


def _from_labels(dataset: Dataset, labels: tuple[int, ...]) -> Target:
    for value in labels:
        if value not in dataset.labels:
            known = ", ".join(f"{v} ({name})" for v, name in dataset.labels.items())
            found = f"label {value} is not in {dataset.name}'s dataset.json"
            raise UsageError("--labels", found, f"choose from {known}")
    if not labels or len(set(labels)) != len(labels):
        raise UsageError("--labels", f"{labels}", "name each label once")
    regions = tuple(Region(name=_spelling(dataset.labels[v]), labels=(v,)) for v in labels)
    return Target(regions=regions, exclusive=len(regions) > 1)


def _known_regions(dataset: Dataset) -> dict[str, Region]:
    """Every region that `--region` may name, by name."""
    tumour = brain_tumour_labels(dataset.labels)
    unions: dict[str, tuple[int, ...]] = {"all": tuple(dataset.labels)}
    for value, name in dataset.labels.items():
        unions[_spelling(name)] = (value,)
    for name, values in dataset.regions.items():
        unions[_spelling(name)] = values
    if tumour:
        core = (tumour.non_enhancing, tumour.enhancing)
        unions["whole-tumour"] = tuple(sorted((tumour.edema, *core)))
        unions["tumour-core"] = tuple(sorted(core))
        unions["enhancing-tumour"] = (tumour.enhancing,)
    return {name: Region(name=name, labels=values) for name, values in unions.items()}


def _spelling(name: str) -> str:
    """One spelling for a region's name: lower case, hyphens, British tumour, no comma."""
    words = re.sub(r"[-_,\s]+", " ", name.casefold()).split()
    return "-".join(words).replace("tumor", "tumour")
