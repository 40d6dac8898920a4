"""What dataset.json and the settings say of a training, before any case is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unet.data.channels import pick_channels
from unet.data.dataset import Dataset
from unet.data.groups import groups_by_pattern, read_groups
from unet.data.msd import load_dataset
from unet.data.regions import Target, make_target
from unet.data.split import COURSE_SEED, Split, make_split
from unet.planning.settings import TrainSettings
from unet.system.errors import UsageError


@dataclass(frozen=True)
class Task:
    """A data set, and what of it is to be learnt.

    Attributes:
        dataset: as its dataset.json describes it.
        channels: indices of the modalities that the network sees.
        target: the regions that it tells apart.
        split: which cases train and which validate; damaged ones are still among them.
    """

    dataset: Dataset
    channels: tuple[int, ...]
    target: Target
    split: Split


def read_task(settings: TrainSettings) -> Task:
    """Reads dataset.json and settles channels, regions and split.

    Raises:
        DataError: dataset.json is missing or damaged, or leaves no case to train on.
        UsageError: the data set has no such channel, region, label or fold.
    """
    dataset = load_dataset(settings.data_path)
    return Task(
        dataset=dataset,
        channels=pick_channels(dataset, settings.channels),
        target=make_target(dataset, settings.region, settings.labels),
        split=make_split(
            dataset,
            settings.split,
            seed=COURSE_SEED if settings.split_seed is None else settings.split_seed,
            validation_fraction=settings.validation_fraction,
            fold=settings.fold,
            folds=settings.folds,
            course_fractions=settings.course_fractions,
            groups=_groups(settings, [case.id for case in dataset.cases]),
        ),
    )


def _groups(settings: TrainSettings, cases: Sequence[str]) -> dict[str, str]:
    if settings.groups and settings.group_pattern:
        raise UsageError("--group-pattern", "given beside --groups", "give one of them")
    if settings.groups:
        return read_groups(settings.groups, cases)
    if settings.group_pattern:
        return groups_by_pattern(settings.group_pattern, cases)
    return {}
