"""Channels are picked by name."""

from pathlib import Path

import pytest

from unet.data.channels import pick_channels
from unet.data.dataset import Dataset
from unet.system.errors import UsageError

BRATS = {1: "edema", 2: "non-enhancing tumor", 3: "enhancing tumour"}


def data_set(*channels, labels):
    return Dataset(root=Path("d"), name="D", channels=channels, labels=labels, cases=())


def test_channels_are_picked_by_name_whatever_its_spelling():
    dataset = data_set("FLAIR", "T1w", "t1gd", "T2w", labels={1: "organ"})
    assert pick_channels(dataset, ["T2w", "flair"]) == (3, 0)
    assert pick_channels(dataset, ["T1-Gd"]) == (2,)
    with pytest.raises(UsageError, match="no modality 'T3'; choose from FLAIR, T1w, t1gd, T2w"):
        pick_channels(dataset, ["T3"])
    with pytest.raises(UsageError, match="once"):
        pick_channels(dataset, ["T1w", "t1w"])


def test_every_channel_is_used_but_for_brain_tumours_flair():
    assert pick_channels(data_set("T1w", "FLAIR", labels={1: "organ"}), None) == (0, 1)
    assert pick_channels(data_set("T1w", "FLAIR", labels=BRATS), None) == (1,)
