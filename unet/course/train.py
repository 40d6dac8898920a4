"""`train.py` and `train_horovod.py`."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from unet import api
from unet.course.command import print_note, run_command
from unet.course.flags import SUFFIXES, CourseFlags, translated
from unet.course.thread_notes import thread_notes
from unet.data.brain_tumour import brain_tumour_labels
from unet.data.dataset import Dataset
from unet.data.msd import load_dataset
from unet.planning.settings import TrainSettings
from unet.system.errors import UsageError
from unet.system.os_error import while_writing

ABOUT = "Train the course's 3D U-Net; under mpirun all ranks train one model together."


def train_main(prog: str, argv: Sequence[str] | None = None) -> int:
    """Trains, alone or under mpirun; returns the exit code."""
    return run_command(prog, ABOUT, argv, train)


def train(flags: CourseFlags) -> int:
    """Trains and leaves the course's files; returns 0."""
    dataset = load_dataset(flags.data_path)
    settings = train_settings(flags, dataset)
    ranks = api.open_ranks(settings)
    if ranks.rank == 0:
        _announce(flags, settings, dataset)
    training = api.train(settings, ranks)
    if ranks.rank == 0:
        _publish(training.model, flags.saved_model)
        print(f"model saved to {flags.saved_model}")
        print(
            f"next: python evaluate_model.py --data_path {flags.data_path} "
            f"--saved_model {flags.saved_model}"
        )
    ranks.barrier()  # so that no rank is taken for lost while rank 0 writes
    ranks.shutdown()
    return 0


def train_settings(flags: CourseFlags, dataset: Dataset) -> TrainSettings:
    """What the flags ask of the training.

    The run folder lies beside the model file and is named by the settings, so that the same
    command goes on with an interrupted training and any other command starts its own.

    Raises:
        UsageError: the data set has fewer modalities, or the model file no suffix of HDF5.
    """
    if flags.saved_model.suffix not in SUFFIXES:
        remedy = f"give it the suffix {SUFFIXES[0]}"
        raise UsageError("--saved_model", f"{flags.saved_model} would be no HDF5 file", remedy)
    course = {
        "cache": flags.runs / "cache",
        "region": "whole-tumour" if brain_tumour_labels(dataset.labels) else "all",
        "split": "course",
        "network": "course",
        "keep": "best",
    }
    settings = TrainSettings.model_validate(translated(flags, dataset) | course)
    sizes = (settings.batch_size, settings.patch_size)  # no part of the identity, yet asked for
    asked = f"{sorted(settings.identity().items())} {sizes} {dataset.root}"
    digest = hashlib.sha256(asked.encode()).hexdigest()[:8]
    return settings.model_copy(update={"output": flags.runs / digest})


def _announce(flags: CourseFlags, settings: TrainSettings, dataset: Dataset) -> None:
    """What rank 0 says and writes before the training."""
    from unet.course.csv_lists import write_lists
    from unet.planning.task import read_task

    print(f"Args = {flags}", flush=True)
    for note in thread_notes(flags, os.environ):
        print_note(note)
    if (settings.output / "model").is_dir():
        print_note(f"{settings.output} has been trained before; remove it to train it anew")
    write_lists(read_task(settings).split, dataset)
    if flags.print_model:
        _print_model(settings)


def _print_model(settings: TrainSettings) -> None:
    from unet.network.model import build_network
    from unet.planning.network import course_spec
    from unet.system.threads import use_threads

    assert settings.channels is not None
    assert settings.threads is not None
    use_threads(settings.threads)  # TensorFlow must know them before it builds anything
    channels, filters = len(settings.channels), settings.filters or 16
    build_network(course_spec(channels, 1, filters, settings.upsampling)).summary()


def _publish(model: Path, saved_model: Path) -> None:
    """Copies the run's model and its curve to where the course has them."""
    from unet.system.atomic_file import write_bytes

    try:
        content = model.read_bytes()
        saved_model.parent.mkdir(parents=True, exist_ok=True)
        if not saved_model.is_file() or saved_model.read_bytes() != content:
            write_bytes(saved_model, content)
        log = model.parent.parent / "log.jsonl"
        if log.is_file():
            shutil.copyfile(log, saved_model.parent / log.name)
    except OSError as error:
        raise while_writing(saved_model, error) from error
