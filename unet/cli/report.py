"""Merge the shards of an evaluation: the Dice table, results.json, results.csv, report.html.

Give the folder that `python -m unet evaluate --output` wrote. It may be run at any time; while
cases are still missing it says so, and ends with code 10.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from unet import api
from unet.cli.command import Command
from unet.system.settings import Flag, Settings


class ReportSettings(Settings):
    """What `report` can be told."""

    output: Annotated[Path, Flag("DIR")] = Field(
        description="the folder that `evaluate --output` wrote"
    )


def run(settings: ReportSettings, as_json: bool) -> int:
    """Makes the report, and the pod's termination message where one is asked for."""
    from unet.cli.failure_summary import failure_summary
    from unet.cli.result_output import stdout_for_result
    from unet.evaluation.folder import Folder
    from unet.evaluation.termination_message import termination_message
    from unet.system.progress import write_summary

    with failure_summary("report"), stdout_for_result(as_json) as stdout:
        report = api.report(Folder(settings.output))
        print_report(report, table=not as_json)
    if as_json:
        print(report.results.model_dump_json(indent=1), file=stdout)
    write_summary(termination_message(report.results, "report.html"))
    return 0


def print_report(report: api.Report, *, table: bool = True) -> None:
    """Prints what was learnt and the table.

    Raises:
        DataError: cases are missing.
    """
    from unet.evaluation.learn_postprocess import dice_by_others_rules, dice_without_rules
    from unet.evaluation.postprocess import FILE
    from unet.evaluation.table_text import table_text

    if report.postprocess is not None:
        print(
            f"post-processing chosen on these cases ({report.postprocess}) is saved as "
            f"{Path(report.results.settings.model).with_name(FILE)} and used by later evaluations "
            "and predictions; mean Dice without it = "
            f"{dice_without_rules(report.results):.4f}, with rules that other cases chose = "
            f"{dice_by_others_rules(report.results):.4f}"
        )
    if table:
        print(table_text(report.results), flush=True)
    report.require_complete()


COMMAND = Command(ReportSettings, run, json="print results.json, nothing else")
