"""`evaluate_model.py`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unet import api
from unet.cli.evaluate import CaseLines, say_again
from unet.cli.report import print_report
from unet.course.command import print_note, run_command
from unet.course.flags import CourseFlags
from unet.course.thread_notes import thread_notes
from unet.evaluation.settings import EvaluateSettings
from unet.system.errors import UsageError

if TYPE_CHECKING:
    from unet.evaluation.folder import Folder

ABOUT = "Score a trained model on the validation cases and save its predictions."
PREDICTIONS = Path("predictions_directory")
EFFECTIVE = {
    "data_path",
    "saved_model",
    "intraop_threads",
    "interop_threads",
    "blocktime",
    "keras_api",
}
"""Flags that change the evaluation or are answered by a note of their own."""


def evaluate_main(prog: str, argv: Sequence[str] | None = None) -> int:
    """Evaluates; returns the exit code."""
    return run_command(prog, ABOUT, argv, evaluate)


def evaluate(flags: CourseFlags) -> int:
    """Scores the validation cases, or the test cases where there are none; returns 0."""
    for note in thread_notes(flags, os.environ):
        print_note(note)
    unused = sorted(flags.model_fields_set - EFFECTIVE)
    if unused:
        names = ", ".join(f"--{name}" for name in unused)
        print_note(f"no effect: {names}; the model brings its own, and whole volumes are scored")
    if flags.intraop_threads:
        os.environ["OMP_NUM_THREADS"] = str(flags.intraop_threads)
    try:
        report = _report(flags, "validation")
    except UsageError as error:
        if not error.where.startswith("--cases"):
            raise
        print_note("the split has no validation case: the test cases are scored")
        report = _report(flags, "test")
    print_report(report)
    print(f"predictions saved to {PREDICTIONS}, report: {report.folder / 'report.html'}")
    return 0


def _report(flags: CourseFlags, cases: str) -> api.Report:
    settings = EvaluateSettings(
        data_path=flags.data_path, saved_model=flags.saved_model, output=PREDICTIONS, cases=cases
    )
    report = api.evaluate(settings, course_folder(PREDICTIONS), CaseLines(), say_again)
    assert report is not None, "there is one shard"
    return report


def course_folder(root: Path) -> Folder:
    """An evaluation whose volumes lie in the folder itself, all else in `evaluation` below."""
    from unet.evaluation.folder import Folder

    folder = Folder(root / "evaluation")
    folder.predictions = root
    return folder
