"""The course's three commands on this package's training and evaluation."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from unet.cli.evaluate import add_arguments as add_evaluation_flags
from unet.cli.evaluate import evaluate
from unet.cli.main import guarded
from unet.cli.report import make_report
from unet.course.flags import SUFFIXES, CourseFlags, parse_flags
from unet.data.msd import Dataset, brain_tumour_labels, load_dataset, pick_channels
from unet.data.split import Split, make_split
from unet.evaluation.folder import Folder
from unet.parallel.comm import Comm, open_comm
from unet.planning.settings import TrainConfig
from unet.planning.task import read_task
from unet.system.atomic_file import write_bytes, write_text
from unet.system.errors import DiskError, UnetError, UsageError
from unet.system.logfmt import format_line
from unet.system.machine import usable_cores
from unet.system.quiet_import import import_tensorflow

PREDICTIONS = Path("predictions_directory")
LISTS = {"train.csv": "training", "validate.csv": "validation", "test.csv": "test"}
COURSE_WORDS = {
    "--patch-size": "--patch_height, --patch_width, --patch_depth",
    "--batch-size": "--bz",
    "--learning-rate": "--lr",
    "--max-bad-cases": "--max_bad_cases",
    "--resume never": "another --saved_model",
    "another --output": "another folder",
}
EVALUATION_FLAGS = {
    "data_path",
    "saved_model",
    "intraop_threads",
    "interop_threads",
    "blocktime",
    "keras_api",
}


def train_main(prog: str, argv: Sequence[str] | None = None) -> int:
    """`train.py` and `train_horovod.py`; returns the exit code.  Alone or under mpirun."""
    about = "Train the course's 3D U-Net; under mpirun all ranks train one model together."
    return guarded(prog, lambda: _in_course_words(_train, parse_flags(prog, about, argv)))


def evaluate_main(prog: str, argv: Sequence[str] | None = None) -> int:
    """`evaluate_model.py`; returns the exit code."""
    about = "Score a trained model on the validation cases and save its predictions."
    return guarded(prog, lambda: _in_course_words(_evaluate, parse_flags(prog, about, argv)))


def train_config(flags: CourseFlags, dataset: Dataset) -> TrainConfig:
    """What the flags ask of the training.

    The run folder lies beside the model file and is named by the settings, so that the same
    command goes on with an interrupted training and any other command starts its own.

    Raises:
        UsageError: the data set has fewer modalities, or the model file no suffix of HDF5.
    """
    if flags.saved_model.suffix not in SUFFIXES:
        remedy = f"give it the suffix {SUFFIXES[0]}"
        raise UsageError("--saved_model", f"{flags.saved_model} would be no HDF5 file", remedy)
    runs = flags.saved_model.parent / f"{flags.saved_model.stem}_run"
    config = TrainConfig(
        data_path=flags.data_path,
        output=runs,
        cache=runs / "cache",
        channels=channels_of(flags.number_input_channels, dataset),
        region="whole-tumour" if brain_tumour_labels(dataset.labels) else "all",
        split="course",
        course_fractions=(flags.train_test_split, flags.validate_test_split),
        network="course",
        filters=flags.featuremaps,
        upsampling=flags.use_upsampling,
        patch_size=flags.patch_size,
        batch_size=flags.bz,
        epochs=flags.epochs,
        learning_rate=flags.lr,
        seed=flags.random_seed,
        threads=flags.intraop_threads or usable_cores(),
        max_bad_cases=flags.max_bad_cases,
    )
    sizes = (config.batch_size, config.patch_size)  # not part of the identity, yet asked for
    settings = f"{sorted(config.identity().items())} {sizes} {dataset.root}"
    digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
    return config.model_copy(update={"output": runs / digest})


def channels_of(count: int, dataset: Dataset) -> tuple[str, ...]:
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


def thread_notes(flags: CourseFlags, environment: Mapping[str, str]) -> list[str]:
    """What becomes of flags and variables about threads, a line each."""
    notes, unused = [], []
    omp = environment.get("OMP_NUM_THREADS", "")
    if flags.intraop_threads:
        notes.append(f"{flags.intraop_threads} threads per rank, from --intraop_threads")
    elif omp.isdigit():
        notes.append(f"{omp} threads per rank, from OMP_NUM_THREADS")
    unused += ["--blocktime"] if "blocktime" in flags.model_fields_set else []
    unused += sorted(
        name
        for name in environment
        if name.startswith(("KMP_", "OMP_")) and name != "OMP_NUM_THREADS"
    )
    if unused:
        notes.append(f"no effect: {', '.join(unused)}; TensorFlow's threads are not OpenMP's")
    if flags.interop_threads not in (None, 1):
        notes.append("no effect: --interop_threads; one operation at a time, so that runs repeat")
    return notes


def in_course_words(error: UnetError) -> UnetError:
    """The same error, naming the course's flags."""
    texts = [error.where, error.found, error.remedy]
    for ours, theirs in COURSE_WORDS.items():
        texts = [text.replace(ours, theirs) for text in texts]
    return type(error)(*texts)


def list_text(split: Split, use: str, dataset: Dataset) -> str:
    """The course's train.csv, validate.csv or test.csv: `image,label` lines by image."""
    cases = [dataset.case(case_id) for case_id in getattr(split, use)]
    return "".join(sorted(f"{case.image},{case.label}\n" for case in cases))


class CourseFolder(Folder):
    """An evaluation whose volumes lie in the folder itself, all else in `evaluation` below."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "evaluation")
        self.predictions = root


def _in_course_words(command: Callable[[CourseFlags], int], flags: CourseFlags) -> int:
    try:
        return command(flags)
    except UnetError as error:
        raise in_course_words(error) from error


def _train(flags: CourseFlags) -> int:
    dataset = load_dataset(flags.data_path)
    config = train_config(flags, dataset)
    read_task(config)
    import_tensorflow()
    comm = open_comm()
    if comm.rank == 0:
        _announce(flags, config, dataset)
    from unet.training.loop import train

    model = train(config, comm)
    if comm.rank == 0:
        _publish(model, flags.saved_model)
        print(f"model saved to {flags.saved_model}")
        print(
            f"next: python evaluate_model.py --data_path {flags.data_path} "
            f"--saved_model {flags.saved_model}"
        )
    _leave(comm)
    return 0


def _leave(comm: Comm) -> None:
    """Ends together, so that no rank is taken for lost while rank 0 writes."""
    comm.barrier()
    comm.shutdown()


def _announce(flags: CourseFlags, config: TrainConfig, dataset: Dataset) -> None:
    """What rank 0 says and writes before the training."""
    print(f"Args = {flags}", flush=True)
    for note in thread_notes(flags, os.environ):
        _say(note)
    if (config.output / "model").is_dir():
        _say(f"{config.output} has been trained before; remove it to train it anew")
    split = make_split(dataset, "course", course_fractions=config.course_fractions)
    for name, use in LISTS.items():
        try:
            write_text(Path(name), list_text(split, use, dataset))
        except OSError as error:
            raise DiskError.from_os(name, error) from error
    if flags.print_model:
        _print_model(config)


def _print_model(config: TrainConfig) -> None:
    from unet.network.model import build_network, course_spec
    from unet.system.threads import use_threads

    assert config.channels is not None
    assert config.threads is not None
    use_threads(config.threads)  # TensorFlow must know them before it builds anything
    channels, filters = len(config.channels), config.filters or 16
    build_network(course_spec(channels, 1, filters, config.upsampling)).summary()


def _publish(model: Path, saved_model: Path) -> None:
    """Copies the run's model and its curve to where the course has them."""
    try:
        content = model.read_bytes()
        saved_model.parent.mkdir(parents=True, exist_ok=True)
        if not saved_model.is_file() or saved_model.read_bytes() != content:
            write_bytes(saved_model, content)
        log = model.parent.parent / "log.jsonl"
        if log.is_file():
            shutil.copyfile(log, saved_model.parent / log.name)
    except OSError as error:
        raise DiskError.from_os(saved_model, error) from error


def _evaluate(flags: CourseFlags) -> int:
    for note in thread_notes(flags, os.environ):
        _say(note)
    unused = sorted(flags.model_fields_set - EVALUATION_FLAGS)
    if unused:
        names = ", ".join(f"--{name}" for name in unused)
        _say(f"no effect: {names}; the model brings its own, and whole volumes are scored")
    if flags.intraop_threads:
        os.environ["OMP_NUM_THREADS"] = str(flags.intraop_threads)
    folder = CourseFolder(PREDICTIONS)
    try:
        evaluate(_evaluation(flags, "validation"), folder)
    except UsageError as error:
        if not error.where.startswith("--cases"):
            raise
        _say("the split has no validation case: the test cases are scored")
        evaluate(_evaluation(flags, "test"), folder)
    make_report(folder)
    print(f"predictions saved to {PREDICTIONS}, report: {folder.root / 'report.html'}")
    return 0


def _evaluation(flags: CourseFlags, cases: str) -> argparse.Namespace:
    """The flags of `python -m unet evaluate` that say the same."""
    parser = argparse.ArgumentParser()
    add_evaluation_flags(parser)
    words = ["--data_path", str(flags.data_path), "--saved_model", str(flags.saved_model)]
    return parser.parse_args([*words, "--output", str(PREDICTIONS), "--cases", cases])


def _say(text: str) -> None:
    print(format_line({"event": "reason", "text": text}), flush=True)
