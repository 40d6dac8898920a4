"""Which modalities `--number_input_channels` means."""

from __future__ import annotations

from unet.data.channels import pick_channels
from unet.data.dataset import Dataset
from unet.system.errors import UsageError


def first_channels(count: int, dataset: Dataset) -> tuple[str, ...]:
    """The first modalities by name; one alone is FLAIR where there are several.

    Raises:
        UsageError: there are fewer.
    """
    known = dataset.channels
    if count > len(known):
        found = f"{count}, but dataset.json's modality names {', '.join(known)}"
        raise UsageError("--number_input_channels", found, f"give at most {len(known)}")
    usual = pick_channels(dataset, None)
    chosen = usual if len(usual) == count else tuple(range(count))
    return tuple(known[index] for index in chosen)
