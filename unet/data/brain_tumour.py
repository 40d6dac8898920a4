"""Brain tumours as BraTS labels them: which value is which tissue, by its name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from unet.data.dataset import plain_name


class BrainTumourLabels(BaseModel):
    """The label values of a BraTS-like data set, found by name because values differ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edema: int
    non_enhancing: int
    enhancing: int


def brain_tumour_labels(labels: dict[int, str]) -> BrainTumourLabels | None:
    """The values of edema, non-enhancing and enhancing tumour, by the labels' names.

    Args:
        labels: value → name, as in `Dataset.labels`.

    Returns:
        None unless there is a label for each of the three.
    """
    values: dict[str, int] = {}
    for value, name in labels.items():
        key = plain_name(name)
        if "edema" in key or "oedema" in key:
            values["edema"] = value
        elif "nonenhancing" in key or "necro" in key:
            values["non_enhancing"] = value
        elif "enhancing" in key:
            values["enhancing"] = value
    return BrainTumourLabels(**values) if len(values) == 3 else None
