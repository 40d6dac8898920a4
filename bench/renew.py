"""Runs every benchmark, keeps each result, and renews the tables of docs/benchmarks.md.

    python bench/renew.py --data DIR --peer-python PEER/bin/python
    python bench/renew.py --quick --results DIR --page FILE    a smoke run on phantoms

DIR holds Task04_Hippocampus.  A result is one JSON file with its command, machine, date and
minutes.  It is kept while the command, the machine and the code that it measures stay the
same, so that a broken run goes on where it ended; --force measures anew.  What cannot run
here (no peers, no data, no cluster) is named, and its former result stays on the page.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from common import PYTHON, ROOT, machine, parser, require, run, unet
from page import Result, render

STATE = ROOT / ".cluster/run/audit"
MEASURED = ("unet", "bench", "operator")
"""Folders whose code a result depends on."""


@dataclass(frozen=True)
class Benchmark:
    """One command; `{data}` and `{peer}` stand for what the caller has.

    Attributes:
        quick: the command of a smoke run, None where there is none.
        cluster: whether it needs the throwaway cluster.
    """

    command: str
    quick: str | None = None
    cluster: bool = False


STEP = "training_step.py --threads 1 --peer-python {peer}"
HIPPOCAMPUS = "{data}/Task04_Hippocampus"
BENCHMARKS = {
    "training_step": Benchmark(
        f"{STEP} --patch 40,56,40 --batch 2",
        "training_step.py --patch 8,8,8 --batch 1 --filters 2,4 --rounds 1 --steps 1",
    ),
    "training_step_large": Benchmark(
        f"{STEP} --patch 96,96,96 --batch 1 --filters 16,32,64,128,256 --rounds 3"
    ),
    "inference": Benchmark(
        f"inference.py --data_path {HIPPOCAMPUS} --peer-python {{peer}} --threads 1"
    ),
    "pipeline": Benchmark(
        f"pipeline.py --data_path {HIPPOCAMPUS}",
        f"pipeline.py --data_path {HIPPOCAMPUS} --patch 16,16,16 --rounds 1 --steps 1",
    ),
    "scaling": Benchmark("scaling.py"),
    "memory": Benchmark("memory.py", "memory.py --side 16 --batch 1 --filters 2"),
    "plan_memory": Benchmark(f"plan_memory.py --data_path {HIPPOCAMPUS}"),
    "quality": Benchmark(
        f"quality.py --data_path {HIPPOCAMPUS} --time-budget 20m --fold 1 --threads 1"
        " --peer-python {peer}"
    ),
    "first_try": Benchmark("first_try.py --time-budget 90s"),
    "operator_life": Benchmark("operator_life.py", cluster=True),
    "operator_memory": Benchmark("operator_scale.py memory", cluster=True),
    "operator_burst": Benchmark(
        "operator_scale.py burst --mpi-operator {mpi_operator}", cluster=True
    ),
}


TOLD = {"data": "DATA", "peer": "PEER/bin/python", "mpi_operator": "DIR"}
"""How the page spells what the caller has."""


def missing(benchmark: Benchmark, args: argparse.Namespace, command: str) -> str | None:
    """What a benchmark lacks here, None if nothing."""
    if "{peer}" in command and not args.peer_python:
        return "--peer-python: a python with torch and monai"
    if "{mpi_operator}" in command and not args.mpi_operator:
        return "--mpi-operator: a folder as bench/mpi_operator.py says"
    if "{data}" in command and not args.data:
        return "--data: a folder with Task04_Hippocampus"
    if benchmark.cluster and not STATE.exists():
        return "the throwaway cluster: `cluster/kube up --audit`, then `make demo`"
    return None


def code_digest(folders: Iterable[str] = MEASURED) -> str:
    """Digest of the code that results depend on."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def key_of(command: str, code: str, data: Path | None) -> str:
    """What a result is kept under: all that it depends on."""
    file = data and data / "Task04_Hippocampus/dataset.json"
    listed = file.read_text() if file and file.exists() and "{data}" in command else ""
    return hashlib.sha256("\0".join((command, machine(), code, listed)).encode()).hexdigest()[:16]


def stored(file: Path) -> Result | None:
    """The result in a file, None where there is none."""
    return Result(**json.loads(file.read_text())) if file.exists() else None


def measure(command: str, key: str, args: argparse.Namespace) -> Result:
    """Runs one benchmark's command.

    Raises:
        SystemExit: it failed; with its last lines.
    """
    given = {
        "data": str(args.data),
        "peer": str(args.peer_python),
        "mpi_operator": str(args.mpi_operator),
    }
    words = [word.format(**given) for word in shlex.split(command)]
    threads = len(os.sched_getaffinity(0))
    done = run([PYTHON, str(ROOT / "bench" / words[0]), *words[1:]], threads)
    require(done, words[0])
    # Warnings of libraries may stand before the result, which is the last object.
    text = "\n" + done.output
    found = json.loads(text[text.rindex("\n{\n") :])
    return Result(
        command=f"python bench/{command.format(**TOLD)}",
        machine=machine(),
        date=datetime.now(UTC).date().isoformat(),
        minutes=round(done.wall / 60, 2),
        key=key,
        result=found,
    )


def run_all(args: argparse.Namespace) -> list[str]:
    """Measures what is asked; returns what could not be measured, with why."""
    from unet.system.atomic_file import write_text

    args.results.mkdir(parents=True, exist_ok=True)
    code, failed = code_digest(), []
    for name in args.only or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        command = benchmark.quick if args.quick else benchmark.command
        if command is None:
            continue
        if lack := missing(benchmark, args, command):
            failed.append(f"{name}: needs {lack}")
            continue
        file, key = args.results / f"{name}.json", key_of(command, code, args.data)
        before = stored(file)
        if before and before.key == key and not args.force:
            print(f"{name}: kept, of {before.date}", file=sys.stderr)
            continue
        try:
            result = measure(command, key, args)
        except SystemExit as problem:
            failed.append(f"{name}: {problem}")
            continue
        write_text(file, result.text())
        print(f"{name}: {result.minutes} minutes", file=sys.stderr)
    return failed


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--data", type=Path, metavar="DIR", help="holds Task04_Hippocampus")
    add("--peer-python", metavar="FILE", help="python with torch, monai and nibabel")
    add("--mpi-operator", type=Path, metavar="DIR", help="see bench/mpi_operator.py")
    add("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    add("--force", action="store_true", help="measure again what is there")
    add("--quick", action="store_true", help="sizes that only show that it works, on a phantom")
    add("--results", type=Path, default=ROOT / "bench/results", metavar="DIR")
    add("--page", type=Path, default=ROOT / "docs/benchmarks.md", metavar="FILE")
    args = arguments.parse_args()
    if args.quick and args.results == ROOT / "bench/results":
        arguments.error("--quick measures nothing of worth: give --results and --page of its own")
    with tempfile.TemporaryDirectory() as name:
        if args.quick:
            args.data = Path(name)
            task = "Task04_Hippocampus"
            made = unet("phantom", {"--output": args.data / task, "--task": task, "--cases": 8})
            require(run(made, 1), "phantom")
        failed = run_all(args)
    results = {file.stem: stored(file) for file in sorted(args.results.glob("*.json"))}
    known = {name: result for name, result in results.items() if result}
    args.page.write_text(render(args.page.read_text(), known))
    if failed:
        raise SystemExit("not measured:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
