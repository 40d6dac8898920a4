"""Score a trained model: predictions, Dice, HD95, NSD, pictures and a report.

Every case is predicted on its own grid and compared with its label over the whole volume.
Written to --output: results.json, results.csv, report.html, overlays/CASE.png and
predictions_directory/CASE_{img,msk,pred}.nii.gz.

Several machines share the work with --shard I/N; shards may run in any order and again,
and `python -m unet report --output` merges them once all are there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from unet import api
from unet.cli.command import Command
from unet.cli.report import print_report
from unet.cli.result_output import stdout_for_result
from unet.evaluation.settings import EvaluateSettings
from unet.system.logfmt import format_line

if TYPE_CHECKING:
    from unet.evaluation.folder import CaseResult

INTERVAL = 15.0  # seconds between progress lines


def run(settings: EvaluateSettings, as_json: bool) -> int:
    """Evaluates the shard; makes the report too if it is the only one."""
    with stdout_for_result(as_json) as stdout:
        report = api.evaluate(settings, on_case=CaseLines(), on_again=say_again)
        if report is None:
            print(
                f"shard {settings.shard} is done; `python -m unet report --output "
                f"{settings.output}` merges all {settings.shard.partition('/')[2]}"
            )
            return 0
        print_report(report, table=not as_json)
    if as_json:
        print(report.results.model_dump_json(indent=1), file=stdout)
    return 0


class CaseLines:
    """Prints `CASE, Dice = …` for each case, and now and then how far it is."""

    def __init__(self) -> None:
        self._dice: list[float] = []
        self._last = time.monotonic()

    def __call__(self, result: CaseResult, done: int, total: int) -> None:
        """See `unet.evaluation.evaluator.OnCase`."""
        self._dice.append(result.dice)
        print(f"{result.case}, Dice = {result.dice:.4f}", flush=True)
        if done == total or time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            mean = sum(self._dice) / len(self._dice)
            fields = {"stage": "evaluate", "done": f"{done}/{total}", "mean_dice": f"{mean:.4f}"}
            print(format_line(fields), flush=True)


def say_again(case: str, why: str) -> None:
    """Prints that a case is scored again, and why."""
    print(f"{case}: {why}; it is scored again", flush=True)


COMMAND = Command(EvaluateSettings, run, json="print results.json, nothing else")
