"""How the code is built, in figures: files, functions, types, cycles, tests, import times.

    python scripts/structure.py [--tree PATH] [--json FILE] [--no-times]

Prints a table and, with --json, writes the same as JSON.  --tree measures another checkout,
with this checkout's rules for types and layers of its own.  Files and functions are those
outside tests/.  A function's length runs from its `def` to its last line, docstring
included.  Import times are CPU seconds of a process of its own, the least of five.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import resource
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from rooms import PACKAGES, ROOT, House, read_house, tangles

LONG_FILE, LONG_FUNCTION = 300, 60
MADE = {"build", "dist", "demo-output"}
"""Folders of a checkout that hold what was made, besides those whose name begins with a dot."""
CHECKED = ("unet", "operator", "image", "cluster", "charts", "bench", "setup", "demo", "scripts")
"""Folders whose types are checked, as far as a checkout has them."""
ALL_OF_PLANNING = """
import importlib, pkgutil, unet.planning
for module in pkgutil.iter_modules(unet.planning.__path__):
    importlib.import_module(f"unet.planning.{module.name}")
"""
COMMANDS = {
    "python -m unet --help": ["-m", "unet", "--help"],
    "python -m unet plan --help": ["-m", "unet", "plan", "--help"],
    "import unet.planning": ["-c", "import unet.planning"],
    "import every module of unet.planning": ["-c", ALL_OF_PLANNING],
    "import unet_operator.app": ["-c", "import unet_operator.app"],
}
TRIES = 5


@dataclass(frozen=True)
class Structure:
    """What is measured of a checkout."""

    fmt_skip: int
    type_errors: int
    rooms_in_cycles: list[list[str]]
    mutual_imports: list[list[str]]
    long_files: dict[str, int]
    long_functions: dict[str, int]
    functions: int
    function_lines_p50: int
    function_lines_p90: int
    long_test_files: dict[str, int]
    test_lines: dict[str, int]
    cpu_seconds: dict[str, float | None]


@dataclass(frozen=True)
class Tree:
    """The Python files of a checkout."""

    root: Path

    @cached_property
    def sources(self) -> dict[str, str]:
        """Text by path, for files with the suffix and for programs without one."""
        return dict(sorted(self._read()))

    def _read(self) -> Iterator[tuple[str, str]]:
        for folder, folders, names in os.walk(self.root):
            made = MADE if Path(folder) == self.root else set()
            folders[:] = [n for n in folders if n not in made and not n.startswith((".", "__"))]
            for path in (Path(folder) / name for name in names):
                if path.suffix == ".py":
                    yield str(path.relative_to(self.root)), path.read_text()
                elif not path.suffix and path.read_bytes()[:80].startswith(b"#!"):
                    text = path.read_text()
                    if "python" in text.splitlines()[0]:
                        yield str(path.relative_to(self.root)), text

    def lines(self, *, tests: bool) -> dict[str, int]:
        """Lines of each file, of the tests or of all else."""
        return {
            path: len(text.splitlines())
            for path, text in self.sources.items()
            if path.startswith("tests/") == tests
        }

    def functions(self) -> dict[str, int]:
        """Lines of each function outside tests, by path, name and line."""
        return {
            f"{path}:{node.name}:{node.lineno}": (node.end_lineno or node.lineno) - node.lineno + 1
            for path, text in self.sources.items()
            if not path.startswith("tests/")
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    def fmt_skip(self) -> int:
        """How often the formatter is told to look away."""
        marks = re.compile(r"#\s*fmt:\s*(skip|off)")
        return sum(
            bool(marks.search(token.string))
            for text in self.sources.values()
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        )


def type_errors(tree: Path) -> int:
    """Errors of mypy under this checkout's configuration.

    Raises:
        SystemExit: mypy could not check at all.
    """
    folders = [name for name in CHECKED if next((tree / name).rglob("*.py"), None)]
    words = ["-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *folders]
    done = subprocess.run([sys.executable, *words], cwd=tree, capture_output=True, text=True)
    if done.returncode not in (0, 1) or "prevented further checking" in done.stdout:
        raise SystemExit(f"mypy: {done.stdout[-2000:]}{done.stderr}")
    return sum(": error:" in line for line in done.stdout.splitlines())


def cycles(house: House) -> tuple[list[list[str]], list[list[str]]]:
    """The folders of a package in circles, and the pairs that import each other."""
    folders = {room.name for room in house.rooms if room.folder}
    edges = [pair for pair in house.imports if folders.issuperset(pair)]
    pairs = sorted([a, b] for a, b in edges if a < b and (b, a) in house.imports)
    return [list(group) for group in tangles(edges)], pairs


def test_lines(lines: dict[str, int]) -> dict[str, int]:
    """Lines of tests by suite, those of units by room."""
    counts: dict[str, int] = {}
    for path, count in lines.items():
        parts = Path(path).parts[1:-1]
        depth = 3 if parts[:2] == ("unit", "operator") else 2 if parts[:1] == ("unit",) else 1
        name = "/".join(parts[:depth]) or "."
        counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items()))


def cpu_seconds(arguments: list[str], tree: Path) -> float | None:
    """CPU seconds of Python with some arguments, the least of a few; None where it fails."""
    environment = os.environ | {"PYTHONPATH": f"{tree}:{tree / 'operator'}"}
    tries = []
    for _ in range(TRIES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            return None
        tries.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return round(min(tries), 3)


def measure(root: Path, *, times: bool) -> Structure:
    """Measures a checkout."""
    tree = Tree(root)
    functions = tree.functions()
    lengths = sorted(functions.values())
    found = [cycles(read_house(package, root)) for package in PACKAGES]
    tests = tree.lines(tests=True)
    return Structure(
        fmt_skip=tree.fmt_skip(),
        type_errors=type_errors(root),
        rooms_in_cycles=[group for groups, _ in found for group in groups],
        mutual_imports=[pair for _, pairs in found for pair in pairs],
        long_files=_over(tree.lines(tests=False), LONG_FILE),
        long_functions=_over(functions, LONG_FUNCTION),
        functions=len(lengths),
        function_lines_p50=lengths[len(lengths) // 2],
        function_lines_p90=lengths[int(0.9 * len(lengths))],
        long_test_files=_over(tests, LONG_FILE),
        test_lines=test_lines(tests),
        cpu_seconds={name: cpu_seconds(c, root) for name, c in COMMANDS.items()} if times else {},
    )


def _over(lengths: dict[str, int], limit: int) -> dict[str, int]:
    """Those above a limit, the longest first."""
    above = [(name, length) for name, length in lengths.items() if length > limit]
    return dict(sorted(above, key=lambda pair: -pair[1]))


def table(found: Structure) -> str:
    """The figures as text."""
    lines = [
        ("`fmt: skip`", found.fmt_skip),
        ("type errors (mypy --strict)", found.type_errors),
        ("pairs of folders that import each other", len(found.mutual_imports)),
        ("folders in cycles", sum(map(len, found.rooms_in_cycles))),
        (f"files over {LONG_FILE} lines", len(found.long_files)),
        (f"functions over {LONG_FUNCTION} lines", len(found.long_functions)),
        ("functions", found.functions),
        ("lines of a function, p50", found.function_lines_p50),
        ("lines of a function, p90", found.function_lines_p90),
        (f"test files over {LONG_FILE} lines", len(found.long_test_files)),
        ("lines of tests", sum(found.test_lines.values())),
        *((f"  tests/{room}", count) for room, count in found.test_lines.items()),
        *((f"CPU s, {name}", taken) for name, taken in found.cpu_seconds.items()),
    ]
    details = {**found.long_files, **found.long_functions}
    return "\n".join(
        [f"{name:<44} {'-' if value is None else value:>8}" for name, value in lines]
        + [f"  cycle: {' '.join(group)}" for group in found.rooms_in_cycles]
        + [f"  {length:>5} {name}" for name, length in details.items()]
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", type=Path, default=ROOT, help="checkout (default: this one)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--no-times", action="store_true", help="without import times")
    args = parser.parse_args()
    found = measure(args.tree.resolve(), times=not args.no_times)
    print(table(found))
    if args.json:
        args.json.write_text(json.dumps(asdict(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
