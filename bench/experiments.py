"""Two or more ways of training, each on the same cases for the same CPU time; it resumes.

    python bench/experiments.py --store DIR --data DIR --arm before=TREE --arm after=. \\
        --cell Task04_Hippocampus:5m:0-4 --cell LGG_FLAIR:15m:0-2 --core 1
    python bench/experiments.py --store DIR --table

An arm is a name and a checkout, with flags of `unet train` behind it if any:
`--arm wide=.:--filters=32`.  A cell is a data set, a time budget and folds of five.  Every fold
is laid aside before training sees the data and chooses nothing; the arm's own `unet evaluate`
scores it over whole volumes.  Arms take turns fold by fold, one thread each, on one core that
should be left to them, so that wall time is CPU time; both are kept.  What is in the store is
not run again: a broken run goes on where it ended, and a changed checkout wants a new name.
The table pools the folds' cases and gives differences case by case, each with its interval.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from common import given, parser, require, run, unet
from held_out import HeldOut, hold_out

FOLDS = 5


@dataclass(frozen=True)
class Arm:
    """One way of training: a checkout and flags of `unet train`."""

    name: str
    tree: Path
    flags: tuple[str, ...] = ()

    @staticmethod
    def of(text: str) -> Arm:
        """Reads NAME=TREE[:FLAG …].

        Raises:
            ArgumentTypeError: the text has another form, or there is no checkout.
        """
        name, _, rest = text.partition("=")
        tree, _, words = rest.partition(":")
        if not name or not tree or not (Path(tree) / "unet").is_dir():
            raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=CHECKOUT[:FLAGS]")
        return Arm(name, Path(tree).resolve(), tuple(words.split()))


@dataclass(frozen=True)
class Cell:
    """A data set, how long it is trained on, and the fold that is laid aside."""

    data: str
    budget: str
    fold: int

    @staticmethod
    def some(text: str) -> list[Cell]:
        """Reads DATA:BUDGET:FOLDS, where folds are `2` or `0-4`.

        Raises:
            ValueError: the text has another form.
        """
        data, budget, folds = text.split(":")
        first, _, last = folds.partition("-")
        return [Cell(data, budget, fold) for fold in range(int(first), int(last or first) + 1)]


@dataclass(frozen=True)
class Score:
    """What one arm reached on one fold.

    Attributes:
        dice: of every held-out case, mean over its regions, on the case's own grid.
        cpu: CPU seconds of training, all of the command.
        wall: seconds of training.
        evaluation: CPU seconds of the evaluation.
    """

    dice: dict[str, float]
    cpu: float
    wall: float
    evaluation: float


def lay_aside(store: Path, data: Path, fold: int) -> HeldOut:
    """The fold's data set, made once, so that every arm and every release gets the same."""
    folder = store / "data" / f"{data.name}-{fold}"
    note = folder / "held-out.json"
    if note.exists():
        return HeldOut(folder, tuple(json.loads(note.read_text())))
    shutil.rmtree(folder, ignore_errors=True)
    held = hold_out(data, folder, fold, FOLDS)
    note.write_text(json.dumps(held.cases))
    return held


def measure(arm: Arm, cell: Cell, held: HeldOut, data: Path, folder: Path) -> Score:
    """Trains and scores one arm on one fold."""
    import numpy as np

    shutil.rmtree(folder, ignore_errors=True)
    trained, results = folder / "run", folder / "results"
    options = {
        "--data_path": held.training,
        "--output": trained,
        "--time-budget": cell.budget,
    }
    words = [*unet("train", options), "--threads=1", *arm.flags]
    training = require(run(words, 1, tree=arm.tree), f"{arm.name}: unet train")
    options = {
        "--data_path": data,
        "--saved_model": trained,
        "--output": results,
        "--cases": ",".join(held.cases),
    }
    scored = require(run(unet("evaluate", options), 1, tree=arm.tree), f"{arm.name}: unet evaluate")
    dice = {}
    for file in sorted((results / "cases").glob("*.json")):
        found = json.loads(file.read_text())
        dice[found["case"]] = float(np.nanmean([r["dice"] for r in found["regions"]]))
    (folder / "train.log").write_text(training.output)
    shutil.rmtree(trained / "cache", ignore_errors=True)
    return Score(dice, training.cpu, training.wall, scored.cpu)


def file_of(store: Path, arm: str, cell: Cell) -> Path:
    """Where a score is kept."""
    return store / "scores" / f"{cell.data}-{cell.budget}" / f"{arm}-{cell.fold}.json"


def run_all(args: argparse.Namespace) -> None:
    """Measures what the store lacks."""
    from unet.system.atomic_file import write_text

    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    for cell in args.cells:
        data = (args.data / cell.data).resolve()
        held = lay_aside(args.store, data, cell.fold)
        for arm in args.arm:
            file = file_of(args.store, arm.name, cell)
            if file.exists():
                continue
            work = args.store / "work" / f"{cell.data}-{cell.budget}-{cell.fold}-{arm.name}"
            score = measure(arm, cell, held, data, work)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(asdict(score), indent=1) + "\n")
            mean = sum(score.dice.values()) / len(score.dice)
            print(f"{file.relative_to(args.store)}: {mean:.4f}", file=sys.stderr, flush=True)


def rows(store: Path) -> Iterator[dict[str, object]]:
    """One row for each data set, budget and arm: pooled cases, and beside the first arm."""
    import numpy as np

    from unet.evaluation.intervals import bootstrap_mean

    for folder in sorted((store / "scores").glob("*")):
        arms: dict[str, list[Score]] = {}
        for file in sorted(folder.glob("*.json"), key=lambda f: f.stat().st_mtime):
            score = Score(**json.loads(file.read_text()))
            arms.setdefault(file.stem.rpartition("-")[0], []).append(score)
        pooled = {
            arm: {k: v for s in found for k, v in s.dice.items()} for arm, found in arms.items()
        }
        first = next(iter(pooled.values()))
        for arm, cases in pooled.items():
            common = [case for case in cases if case in first]
            gain = bootstrap_mean([cases[case] - first[case] for case in common])
            values = list(cases.values())
            yield {
                "cell": folder.name,
                "arm": arm,
                "folds": len(arms[arm]),
                "cases": len(cases),
                "dice": given(bootstrap_mean(values), folder.name).model_dump(),
                "median": float(np.median(values)),
                "worst": min(values),
                "beside_first": gain.model_dump() if gain and cases is not first else None,
                "cpu_minutes_a_fold": round(sum(s.cpu for s in arms[arm]) / len(arms[arm]) / 60, 2),
                "minutes_a_fold": round(sum(s.wall for s in arms[arm]) / len(arms[arm]) / 60, 2),
            }


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--store", type=Path, required=True, metavar="DIR", help="scores, runs and folds")
    add("--data", type=Path, metavar="DIR", help="holds the data sets")
    add("--arm", type=Arm.of, action="append", default=[], metavar="NAME=TREE[:FLAGS]")
    add("--cell", type=Cell.some, action="append", default=[], metavar="DATA:BUDGET:FOLDS")
    add("--core", type=int, help="the core to run on")
    add("--table", action="store_true", help="only print what is there")
    args = arguments.parse_args()
    args.store = args.store.resolve()
    args.cells = [cell for cells in args.cell for cell in cells]
    if not args.table:
        if not (args.data and args.arm and args.cells):
            arguments.error("give --data, --arm and --cell, or --table")
        run_all(args)
    print(json.dumps(list(rows(args.store)), indent=1))


if __name__ == "__main__":
    main()
