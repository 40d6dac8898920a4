"""Which channels of a data set are used."""

from __future__ import annotations

from collections.abc import Sequence

from unet.data.brain_tumour import brain_tumour_labels
from unet.data.dataset import Dataset, plain_name
from unet.system.errors import UsageError


def pick_channels(dataset: Dataset, names: Sequence[str] | None) -> tuple[int, ...]:
    """Returns the indices of the named channels, in the order given.

    Without names: every channel, except for a BraTS-like data set, where it is FLAIR alone
    if there is one: the whole tumour is seen there, and one channel of four is a quarter
    of the memory and input.

    Raises:
        UsageError: a name is not a modality of dataset.json, or is given twice.
    """
    if names is None:
        flair = [i for i, name in enumerate(dataset.channels) if plain_name(name) == "flair"]
        if flair and brain_tumour_labels(dataset.labels):
            return (flair[0],)
        return tuple(range(len(dataset.channels)))
    index = {plain_name(name): i for i, name in enumerate(dataset.channels)}
    picked = []
    for name in names:
        if plain_name(name) not in index:
            known = ", ".join(dataset.channels)
            raise UsageError("--channels", f"no modality {name!r}", f"choose from {known}")
        picked.append(index[plain_name(name)])
    if not picked or len(set(picked)) != len(picked):
        raise UsageError("--channels", f"{','.join(names)!r}", "name each channel once")
    return tuple(picked)
