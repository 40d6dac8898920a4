"""Merge the shards of an evaluation: the Dice table, results.json, results.csv, report.html.

Give the folder that `python -m unet evaluate --output` wrote. It may be run at any time; while
cases are still missing it says so, and ends with code 10.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from unet.cli.failure_summary import failure_summary
from unet.evaluation.folder import Folder
from unet.evaluation.postprocess import FILE, choose, load_postprocess, save_postprocess
from unet.evaluation.summary import Results, merge, save_results, table_text, termination_message
from unet.report.report import write_report
from unet.system.errors import DataError, UnetError
from unet.system.progress import write_summary

HELP = "merge evaluation shards into one table and one HTML page"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder that `evaluate --output` wrote",
    )
    parser.add_argument("--json", action="store_true", help="print results.json, nothing else")


def run(args: argparse.Namespace) -> int:
    """Makes the report, and the pod's termination message where one is asked for."""
    stdout = sys.stdout
    quiet = contextlib.redirect_stdout(sys.stderr) if args.json else contextlib.nullcontext()
    with failure_summary("report"), quiet:
        results = make_report(Folder(args.output), table=not args.json)
    if args.json:
        print(results.model_dump_json(indent=1), file=stdout)
    write_summary(termination_message(results, "report.html"))
    return 0


def make_report(folder: Folder, *, table: bool = True) -> Results:
    """Merges, writes all files, prints the table.

    Raises:
        DataError: cases are missing; what is there has been reported then.
        DiskError: a file cannot be written.
    """
    results = merge(folder)
    if results is None:
        remedy = "run `python -m unet evaluate` with this --output"
        raise DataError(str(folder.root), "no case has a result yet", remedy)
    save_results(folder, results)
    write_report(folder, results)
    if not results.summary.missing:
        _learn_postprocess(results)
    if table:
        print(table_text(results), flush=True)
    if results.summary.missing:
        count, first = len(results.summary.missing), results.summary.missing[0]
        found = f"{count} of {results.summary.expected} cases have no result, {first} among them"
        remedy = "run the missing `evaluate --shard` again, then `report`"
        raise DataError(str(folder.root), found, remedy)
    return results


def _learn_postprocess(results: Results) -> None:
    """Chooses the post-processing on the validation cases and saves it with the model."""
    settings, model = results.settings, Path(results.settings.model)
    if settings.selection != "validation" or not model.is_file():
        return
    chosen = choose([case.candidates for case in results.cases])
    if str(chosen) == str(load_postprocess(model)):
        return
    # Where the model cannot be written to (another user's), it only goes unsaved.
    with contextlib.suppress(UnetError):
        save_postprocess(model, settings.model_sha256, chosen)
        print(
            f"post-processing chosen on these cases ({chosen}) is saved as "
            f"{model.with_name(FILE)} and used by later evaluations and predictions"
        )
