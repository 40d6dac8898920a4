"""The rooms of a package: their order, what each holds, and who imports whom.

A room is a folder right below a package, or a file there.  The order is that of the layers
in .importlinter, the imports are those that import-linter sees.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"unet": "unet", "unet_operator": "operator/unet_operator"}
"""Folder of each package below the checkout."""


@dataclass(frozen=True)
class Room:
    """A folder or file of a package.

    Attributes:
        name: without the package.
        holds: first sentence of its docstring.
        layer: its place from the top, 0 first; rooms of one layer know nothing of each other.
        folder: whether it holds files of its own.
    """

    name: str
    holds: str
    layer: int
    folder: bool


@dataclass(frozen=True)
class House:
    """A package's rooms, top to bottom, and the number of imports from room to room."""

    package: str
    rooms: tuple[Room, ...]
    imports: Mapping[tuple[str, str], int]


def read_house(package: str, tree: Path = ROOT) -> House:
    """Reads a package of a checkout; only one checkout can be read by a process."""
    folder = tree / PACKAGES[package]
    _prefer(folder.parent)
    order = _layers(package, tree)
    names = sorted(_children(folder), key=lambda name: (order.get(name, len(order)), name))
    rooms = tuple(_room(folder, name, order.get(name, len(order))) for name in names)
    return House(package, rooms, _imports(package, set(names)))


def tangles(edges: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """The groups of rooms in which each is imported by all others, by way of others or not."""
    reach: dict[str, set[str]] = {}
    for importer, imported in edges:
        reach.setdefault(importer, set()).add(imported)
        reach.setdefault(imported, set())
    while True:
        wider = {
            room: known.union(*(reach[other] for other in known)) for room, known in reach.items()
        }
        if wider == reach:
            break
        reach = wider
    groups = {
        tuple(sorted(other for other in known if room in reach[other]))
        for room, known in reach.items()
        if room in known
    }
    return sorted(groups)


def first_sentence(source: str) -> str:
    """The first sentence of a module's docstring, plain, on one line; empty without one."""
    text = ast.get_docstring(ast.parse(source)) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", paragraph)[0].rstrip(".").replace("`", "")


def _prefer(folder: Path) -> None:
    """Has Python find packages of a folder first."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _imports(package: str, names: set[str]) -> dict[tuple[str, str], int]:
    graph = grimp.build_graph(package, cache_dir=None)
    counts: Counter[tuple[str, str]] = Counter()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            one, other = (f"{module}.".split(".")[1] for module in (importer, imported))
            if one != other and {one, other} <= names:
                counts[one, other] += 1
    return dict(counts)


def _children(folder: Path) -> list[str]:
    """The names of the rooms of a package."""
    folders = [path.parent.name for path in folder.glob("*/__init__.py")]
    files = [path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")]
    return folders + files


def _layers(package: str, tree: Path) -> dict[str, int]:
    """The layer of each room; empty when the checkout names none."""
    parser = configparser.ConfigParser()
    parser.read(tree / ".importlinter")
    for section in parser.sections():
        contract = parser[section]
        if contract.get("type") == "layers" and contract.get("containers", "").strip() == package:
            lines = contract["layers"].split()
            text = " ".join(lines).replace(" | ", "|").replace(" : ", ":")
            return {
                name.strip("()"): place
                for place, layer in enumerate(text.split())
                for name in re.split(r"[|:]", layer)
            }
    return {}


def _room(folder: Path, name: str, layer: int) -> Room:
    package = folder / name / "__init__.py"
    file = package if package.exists() else folder / f"{name}.py"
    return Room(name, first_sentence(file.read_text()), layer, package.exists())
