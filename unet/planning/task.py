"""What dataset.json and the settings say of a training, before any case is read."""

from __future__ import annotations

from dataclasses import dataclass

from unet.data.channels import pick_channels
from unet.data.dataset import Dataset
from unet.data.msd import load_dataset
from unet.data.regions import Target, make_target
from unet.data.split import Split, make_split
from unet.planning.settings import TrainSettings


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
            seed=settings.seed,
            validation_fraction=settings.validation_fraction,
            fold=settings.fold,
            folds=settings.folds,
            course_fractions=settings.course_fractions,
        ),
    )
