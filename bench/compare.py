"""Two checkouts beside each other: the same benchmarks, in turns, in one run.

    python bench/compare.py --before TREE [--only training_step …] [--data_path DIR]

Each checkout runs its own bench/*.py with its own packages and the same interpreter, so
that nothing but the code differs.  The sides take turns within a round; a ratio is CPU
seconds before over CPU seconds after, round by round: above 1, the newer one is faster.

  training_step  a step at two sizes, and whether the losses are the same number
  weights        a short seeded training with a fixed plan, one thread: the same bits?
  inference      the models of `weights`, prepared cases to logits, both engines
  pipeline       steps fed by the feed; each turn is a process that plans and prepares

Without --data_path a phantom is made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import common
import inference
import numpy as np
from common import PYTHON, ROOT, Worker, flags, parser, ratios, require, run, spread, unet

BENCHMARKS = ("training_step", "weights", "inference", "pipeline")
FILTERS = "16,32,64,128"
SIZES = (("40,56,40", 2, FILTERS), ("96,96,96", 1, f"{FILTERS},256"))
"""Patch, batch and filters of the compared steps."""
Seconds = dict[str, list[float]]
"""CPU seconds of every round, by side."""


@dataclass(frozen=True)
class Sides:
    """The two checkouts; every command of a side sees its own packages alone."""

    before: Path
    after: Path = ROOT

    def items(self, number: int = 0) -> list[tuple[str, Path]]:
        """Name and checkout, in an order that turns from round to round."""
        both = [("before", self.before), ("after", self.after)]
        return both if number % 2 else both[::-1]


def require_own_packages(sides: Sides) -> None:
    """Ends the comparison when a side would run another checkout's code."""
    for name, tree in sides.items():
        # As `python -m unet` finds it: the folder it stands in comes before PYTHONPATH.
        command = [PYTHON, "-c", "import unet; print(unet.__file__)"]
        done = run(command, 1, tree=tree)
        found = Path(require(done, f"import of unet {name}").output.splitlines()[-1])
        if not found.resolve().is_relative_to(tree):
            raise SystemExit(f"{name}: {tree} holds no package unet; {found} would be measured")


def compared(seconds: Mapping[str, list[float]]) -> dict[str, object]:
    """CPU seconds of each side with their spread, and the ratio."""
    return {
        "cpu_seconds": {name: spread(values) for name, values in seconds.items()},
        "ratio": ratios(seconds["before"], seconds["after"]),
    }


def training_steps(args: argparse.Namespace, sides: Sides) -> dict[str, object]:
    """The step at every size."""
    found: dict[str, object] = {}
    for patch, batch, filters in [("8,8,8", 1, "2,4")] if args.quick else SIZES:
        options = {"--patch": patch, "--batch": batch, "--filters": filters}
        own = ["--serve", *flags(options | {"--threads": args.threads})]
        seconds: Seconds = {"before": [], "after": []}
        losses: Seconds = {"before": [], "after": []}
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(
                    Worker([PYTHON, str(tree / "bench/training_step.py"), *own], args.threads, tree)
                )
                for name, tree in sides.items()
            }
            for number in range(args.rounds + 1):
                for name, _ in sides.items(number):
                    took = workers[name].ask(steps=args.steps if number else 1)
                    losses[name].append(took["loss"])
                    if number:  # the first round traces the step
                        seconds[name].append(sum(took["cpu"]) / args.steps)
        same = {"same_losses": losses["before"] == losses["after"]}
        found[f"{patch}, batch {batch}"] = compared(seconds) | same
    return found


def train(args: argparse.Namespace, tree: Path, data: Path, output: Path) -> Path:
    """A seeded run with a fixed plan on one thread; returns its folder."""
    options = {
        "--data_path": data,
        "--output": output,
        "--patch-size": "16,16,16" if args.quick else "32,48,32",
        "--batch-size": 2,
        "--precision": args.precision,
        "--filters": 4 if args.quick else 16,
        "--epochs": 2,
        "--steps-per-epoch": 2 if args.quick else 20,
        "--threads": 1,
        "--seed": 816,
    }
    done = run(unet("train", options), 1, tree=tree)
    require(done, f"training in {tree}")
    return output


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    """Every array of a run's newest checkpoint by its name; the optimizer's are among them."""
    files = sorted(folder.glob("checkpoints/*/state.npz"))
    if not files:
        raise SystemExit(f"{folder}: no checkpoint")
    with np.load(files[-1], allow_pickle=False) as stored:
        return dict(stored)


def weights(runs: Mapping[str, Path]) -> dict[str, object]:
    """Whether both trainings ended with the same bits, and the largest difference."""
    before, after = arrays_of(runs["before"]), arrays_of(runs["after"])
    if before.keys() != after.keys():
        raise SystemExit(f"other arrays: {sorted(before.keys() ^ after.keys())[:6]}")
    pairs = [(before[name], after[name]) for name in before]
    numeric = [(a, b) for a, b in pairs if np.issubdtype(a.dtype, np.number)]
    return {
        "arrays": len(pairs),
        "identical": all(a.tobytes() == b.tobytes() for a, b in pairs),
        "largest_difference": max(float(np.abs(a - b).max()) for a, b in numeric),
    }


def inferences(
    args: argparse.Namespace, sides: Sides, data: Path, runs: Mapping[str, Path], folder: Path
) -> dict[str, object]:
    """Both engines: the same prepared volumes, each side's own model of the same weights."""
    found: dict[str, object] = {}
    asked = argparse.Namespace(
        data_path=data, saved_model=runs["after"], cases="validation", count=args.cases
    )
    ids, _ = inference.prepare(asked, folder)
    for engine in inference.OURS:
        with ExitStack() as stack:
            workers = {}
            for name, tree in sides.items():
                options = {"--data_path": data, "--saved_model": runs[name], "--peer-python": "-"}
                own = flags({**options, "--threads": args.threads, "--serve": engine})
                command = [PYTHON, str(tree / "bench/inference.py"), *own]
                workers[name] = stack.enter_context(Worker(command, args.threads, tree))
            found[engine] = infer_in_turns(args.rounds, sides, workers, ids, folder)
    return found


def infer_in_turns(
    rounds: int, sides: Sides, workers: Mapping[str, Worker], ids: Iterable[str], folder: Path
) -> dict[str, object]:
    """Case by case in turns; the first round warms up and compares the logits."""
    seconds: Seconds = {"before": [], "after": []}
    difference, precisions = 0.0, {}
    for number in range(rounds + 1):
        spent = dict.fromkeys(seconds, 0.0)
        for position, case in enumerate(ids):
            for name, _ in sides.items(number + position):
                logits = folder / f"{name}.npy"
                took = workers[name].ask(image=str(folder / f"{case}.npy"), logits=str(logits))
                spent[name] += took["cpu"]
                precisions[name] = took["precision"]
            if not number:
                apart = np.load(folder / "before.npy") - np.load(folder / "after.npy")
                difference = max(difference, float(np.abs(apart).max()))
        for name, value in spent.items() if number else ():
            seconds[name].append(value)
    # Seconds of two precisions say nothing about the code: whoever reads must see them.
    noted = {"largest_difference_of_logits": difference, "precision": precisions}
    return compared(seconds) | noted


def pipelines(args: argparse.Namespace, sides: Sides, data: Path) -> dict[str, object]:
    """Steps fed by the feed, a process a turn."""
    seconds: Seconds = {"before": [], "after": []}
    plans = set()
    patch = "16,16,16" if args.quick else "32,48,32"
    options = {"--data_path": data, "--patch": patch, "--threads": args.threads}
    own = flags(options | {"--rounds": 1, "--steps": args.steps})
    for number in range(args.rounds):
        for name, tree in sides.items(number):
            command = [PYTHON, str(tree / "bench/pipeline.py"), *own]
            done = run(command, args.threads, tree=tree)
            text = require(done, f"pipeline {name}").output
            answer = json.loads(text[text.rindex("\n{\n") if "\n{\n" in text else 0 :])
            plans.add((*answer["patch"], answer["batch"]))
            seconds[name].append(answer["seconds_per_step"]["pipeline"]["cpu"]["median"])
    if len(plans) > 1:
        raise SystemExit(f"the plans differ, so do the steps: {sorted(plans)}")
    return compared(seconds)


def measure(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    """The asked benchmarks' results, by name."""
    sides = Sides(args.before.resolve())
    require_own_packages(sides)
    found: dict[str, object] = {}
    data = args.data_path and args.data_path.resolve()
    if not data and set(args.only) - {"training_step"}:
        data = folder / "phantom"
        cases = {"--output": data, "--task": "Task04_Hippocampus", "--cases": 8}
        require(run(unet("phantom", cases), 1), "phantom")
    runs: dict[str, Path] = {}
    if {"weights", "inference"} & set(args.only):
        runs = {n: train(args, t, data, folder / f"run_{n}") for n, t in sides.items()}
    for name in args.only:
        if name == "training_step":
            found[name] = training_steps(args, sides)
        elif name == "weights":
            found[name] = weights(runs)
        elif name == "inference":
            found[name] = inferences(args, sides, data, runs, folder)
        else:
            found[name] = pipelines(args, sides, data)
    return found


def revision(tree: Path) -> str:
    """The commit of a checkout."""
    command = ["git", "-C", str(tree), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--before", type=Path, required=True, metavar="TREE", help="the other checkout")
    add("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    add("--data_path", "--data-path", type=Path, metavar="DIR")
    add("--threads", type=int, default=1)
    add("--rounds", type=int, default=5)
    add("--steps", type=int, default=3, help="steps of a turn (default: 3)")
    add("--cases", type=int, default=4, help="cases of inference, at most")
    add("--precision", choices=("float32", "bfloat16"), default="float32", help="of `weights`")
    add("--quick", action="store_true", help="sizes that only show that it works")
    args = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args, Path(folder))
    trees = {name: revision(tree) for name, tree in Sides(args.before.resolve()).items()}
    asked = {"threads": args.threads, "rounds": args.rounds, "machine": common.machine()}
    print(json.dumps({"trees": trees, **asked, **found}, indent=1))


if __name__ == "__main__":
    main()
