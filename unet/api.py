"""What a program calls: `plan`, `train`, `evaluate` and `predict`.

Each takes a model of settings, the same that the command line fills, and returns a model of
what came of it.  Errors are those of `unet.system.errors`, one line each: where, what was
found, what to do.  Importing this module loads no TensorFlow; the first call does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from unet.evaluation.settings import EvaluateSettings
from unet.inference.prediction import Prediction
from unet.inference.settings import PredictSettings
from unet.planning.settings import TrainSettings
from unet.system.errors import DataError, UnetError

if TYPE_CHECKING:
    from unet.evaluation.evaluator import OnAgain, OnCase
    from unet.evaluation.folder import Folder
    from unet.evaluation.postprocess import Postprocess
    from unet.evaluation.summary import Results
    from unet.parallel.comm import Comm
    from unet.planning.plan import Plan

__all__ = [
    "EvaluateSettings",
    "PredictSettings",
    "Prediction",
    "Report",
    "TrainSettings",
    "Training",
    "evaluate",
    "open_ranks",
    "plan",
    "predict",
    "report",
    "train",
]


class Training(BaseModel):
    """A training that is done: where its files lie, and whether it came to anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Path
    model: Path
    """The model file; `EvaluateSettings.saved_model` takes it or the run folder."""
    validation_dice: float | None = None
    """Mean Dice of the model on its validation cases, 0 to 1; None without such cases."""
    learned: bool | None = None
    """Whether that is clearly better than marking every voxel; None where nothing tells."""


@dataclass(frozen=True)
class Report:
    """An evaluation's results, with what was learnt from them.

    Attributes:
        folder: where report.html, results.json and results.csv lie.
        results: as in results.json.
        postprocess: chosen on these cases and newly saved beside the model, else None.
    """

    folder: Path
    results: Results
    postprocess: Postprocess | None

    def require_complete(self) -> None:
        """Raises `DataError` where cases are missing; what is there has been reported."""
        missing = self.results.summary.missing
        if missing:
            found = f"{len(missing)} of {self.results.summary.expected} cases have no result"
            remedy = "run the missing `evaluate --shard` again, then `report`"
            raise DataError(str(self.folder), f"{found}, {missing[0]} among them", remedy)


def plan(settings: TrainSettings, *, progress: bool = False) -> Plan:
    """Decides patch, batch, network, precision and time; leaves the plan in the run folder.

    Reads every case once and measures a few steps on this machine; prepares no case.

    Args:
        settings: as for `train`, which follows the plan.
        progress: whether to print progress lines.

    Raises:
        DataError, UsageError, DiskError, MemoryShortError: as the stages do.
    """
    from unet.planning.task import read_task
    from unet.system.tensorflow_import import import_tensorflow

    read_task(settings)  # what dataset.json alone shows to be wrong is refused at once
    import_tensorflow()
    from unet.parallel.solo import Solo
    from unet.system.progress import Reporter
    from unet.training.pipeline import plan_only

    return plan_only(settings, Solo(), Reporter() if progress else Reporter.silent())


def open_ranks(settings: TrainSettings) -> Comm:
    """Joins the other ranks of mpirun, if any, unless the settings are wrong for the data set.

    Raises:
        DataError, UsageError: as `read_task`; or mpirun started another number of ranks.
    """
    from unet.planning.task import read_task
    from unet.system.tensorflow_import import import_tensorflow

    read_task(settings)  # before the seconds that TensorFlow takes to load
    import_tensorflow()
    from unet.parallel.engine import open_comm

    return open_comm()


def train(settings: TrainSettings, comm: Comm | None = None) -> Training:
    """Plans, prepares and trains, or goes on from the newest checkpoint; prints its progress.

    Under mpirun every rank calls it with the same settings.  A time budget counts from here.

    Args:
        settings: what is not given is planned.
        comm: of a caller that has more to do with the other ranks, and parts from them itself.

    Raises:
        UnetError: with the exit code that says what kind of failure it was.
    """
    began = time.monotonic()
    ranks = comm or open_ranks(settings)
    from unet.training.loop import train as run_training

    done = run_training(settings, ranks, began)
    if comm is None:
        ranks.shutdown()
    return Training(
        run=settings.output,
        model=done.model,
        validation_dice=done.validation_dice,
        learned=done.learned,
    )


def evaluate(
    settings: EvaluateSettings,
    folder: Folder | None = None,
    on_case: OnCase | None = None,
    on_again: OnAgain | None = None,
) -> Report | None:
    """Scores a model's cases, and writes predictions, pictures, tables and the report.

    Args:
        folder: of the results where they lie otherwise than `Folder(settings.output)` says.
        on_case: is called with each case's result.
        on_again: is called with each case whose scores no longer hold, and why.

    Returns:
        The report; None for one of several shards, which `report` merges.

    Raises:
        DataError: the model, the data set or a case cannot be read, or they do not match.
        UsageError: the model's split has no such cases, or a flag is wrong.
        DiskError: a result cannot be written.
    """
    from unet.evaluation.folder import Folder, as_begun, parse_shard
    from unet.system.start_tensorflow import start_tensorflow

    shard, shards = parse_shard(settings.shard)
    start_tensorflow()  # before what follows loads TensorFlow
    from unet.data.msd import load_dataset
    from unet.evaluation.evaluator import Evaluator, channels_for, make_settings
    from unet.evaluation.postprocess import load_postprocess
    from unet.inference.predictor import make_predictor
    from unet.network.saved_model import load_model
    from unet.report.overlay import draw_overlay

    folder = folder or Folder(settings.output)
    dataset = load_dataset(settings.data_path)
    saved = load_model(settings.saved_model)
    predictor = make_predictor(settings, saved, channels_for(saved, dataset))
    rules = load_postprocess(saved.path)
    evaluation = make_settings(saved, dataset, settings.cases, rules, predictor)
    draw = draw_overlay if settings.overlays else None
    evaluator = Evaluator(dataset, predictor, as_begun(folder, evaluation), folder, draw=draw)
    evaluator.run(shard, shards, on_case, on_again)
    return report(folder) if shards == 1 else None


def report(folder: Folder) -> Report:
    """Merges the cases that are there, and writes results.json, results.csv and report.html.

    Once all are there, the post-processing that serves them best is saved with the model.

    Raises:
        DataError: there is no evaluation in the folder, or no case has a result yet.
        DiskError: a file cannot be written.
    """
    from unet.evaluation.learn_postprocess import learn_postprocess
    from unet.evaluation.merge import merge, save_results
    from unet.report.results_page import write_report

    results = merge(folder)
    if results is None:
        remedy = "run `python -m unet evaluate` with this --output"
        raise DataError(str(folder.root), "no case has a result yet", remedy)
    save_results(folder, results)
    write_report(folder, results)
    learnt = None if results.summary.missing else learn_postprocess(results)
    return Report(folder.root, results, learnt)


def predict(
    settings: PredictSettings,
    on_prediction: Callable[[Prediction], None] | None = None,
    on_failure: Callable[[UnetError], None] | None = None,
) -> tuple[Prediction, ...]:
    """Predicts images that have no label, one after the other.

    Args:
        settings: which images, by which model.
        on_prediction: is called with each prediction once it is written.
        on_failure: is called at once with what keeps one of several from being predicted.

    An image that cannot be predicted does not keep the others from it.

    Raises:
        DataError: the model cannot be read; or images could not be, or have other channels
            than the model, after all others are done.
        DiskError: a prediction cannot be written.
    """
    from unet.system.start_tensorflow import start_tensorflow

    start_tensorflow()
    # These load TensorFlow, whose threads are settled by then.
    from unet.evaluation.predict_images import predict_images

    return predict_images(settings, on_prediction, on_failure)
