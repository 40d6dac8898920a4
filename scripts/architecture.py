"""Draws docs/architecture.svg: rooms, who imports whom, and the way of the data.

    python scripts/architecture.py [--output FILE]      also PNG, to look at

All of it comes from the code: the order of the rooms from .importlinter, what each holds
from its docstring, the arrows from the imports.  Equal code gives equal bytes, so that a
test can tell whether the picture is current.  How wide an arrow is tells how many imports it
stands for, in four steps, so that not every new import changes the picture.
"""

from __future__ import annotations

import argparse
import bisect
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Curve
from rooms import PACKAGES, ROOT, House, Room, first_sentence, read_house

WAYS = {
    "unet": (
        ("dataset", "data"),
        ("preflight", "data"),
        ("split", "data"),
        ("fingerprint", "planning"),
        ("plan", "planning"),
        ("preparation", "data"),
        ("cache", "data"),
        ("sampler", "training"),
        ("augmentation", "training"),
        ("model", "network"),
        ("loss", "network"),
        ("comm", "parallel"),
        ("optimizer", "training"),
        ("checkpoint ↻", "training"),
        ("validation", "training"),
        ("evaluation", "evaluation"),
        ("report", "report"),
    ),
    "unet_operator": (
        ("resource", "api"),
        ("watch", "cluster"),
        ("queue", "loop"),
        ("observe", "observe"),
        ("decide", "lifecycle"),
        ("act", "loop"),
        ("status", "api"),
    ),
}
"""The stations of the data, in order, and the room of each."""

# All lengths are in pixels of the picture at its own size; y runs down.
WIDTH, MARGIN, TOP, HEADER = 800.0, 20.0, 16.0, 62.0
COLUMN, BOX = 380.0, 268.0
GAP, LINE, NAME = 9.0, 14.0, 25.0
TEXT_COLUMNS = 39
SMALL, LARGE, TITLE = 11.0, 13.0, 17.0
"""Sizes of letters."""
CHIP, CHIP_GAP = 23.0, 15.0
STEPS = (3, 8, 16)
"""An arrow grows where it stands for so many imports."""
WIDTHS = (0.9, 1.7, 2.8, 4.2)
INK, FAINT, UPWARD = "#1f2933", "#5f6c7b", "#d11a2a"
COLOURS = (
    "#4e79a7",
    "#e08a2e",
    "#4f9a4a",
    "#8e63b0",
    "#b8508c",
    "#2f9c95",
    "#8a6a54",
    "#b8951e",
    "#5b6abf",
    "#2a7f9e",
    "#6f9a2e",
    "#6b7280",
)


@dataclass(frozen=True)
class Box:
    """A room as it is drawn."""

    room: Room
    row: int
    lines: Sequence[str]
    x: float
    y: float
    height: float
    colour: str

    @property
    def right(self) -> float:
        """Where its arrows begin and end."""
        return self.x + BOX


class Drawing:
    """A sheet to draw on, in pixels from the upper left corner."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, facecolor="white")
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        self.axes.axis("off")

    def title(self, x: float, y: float, text: str, size: float) -> None:
        """Writes one bold line; `y` is its middle."""
        self.axes.text(x, y, text, fontsize=size, color=INK, va="center", weight="bold")

    def text(self, x: float, y: float, text: str, *, centred: bool = False) -> None:
        """Writes one small line from `x`, or about it; `y` is its middle."""
        colour, place = (INK, "center") if centred else (FAINT, "left")
        self.axes.text(x, y, text, fontsize=SMALL, color=colour, va="center", ha=place)

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A rounded box in a tint of a colour."""
        shape = f"round,pad=0,rounding_size={min(5.0, height / 3)}"
        edge, fill = tint(colour, 0.45), tint(colour, 0.10)
        patch = FancyBboxPatch((x, y), width, height, boxstyle=shape, fc=fill, ec=edge, lw=0.8)
        self.axes.add_patch(patch)

    def head(self, x: float, y: float, size: float, colour: str, *, left: bool) -> None:
        """An arrow's head, its tip at a point."""
        back = size if left else -size
        corners = [(x, y), (x + back, y - size * 0.55), (x + back, y + size * 0.55)]
        self.axes.add_patch(Polygon(corners, closed=True, fc=colour, ec="none"))


def tint(colour: str, share: float) -> str:
    """A colour mixed with white; a share of 1 is the colour itself."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def lay_out(house: House, x: float, top: float, gap: float) -> list[Box]:
    """Boxes of a package's rooms, top to bottom."""
    boxes: list[Box] = []
    for row, room in enumerate(house.rooms):
        lines = textwrap.wrap(room.holds, TEXT_COLUMNS)
        height = NAME + LINE * len(lines) + 5
        boxes.append(Box(room, row, lines, x, top, height, COLOURS[row % len(COLOURS)]))
        top += height + gap
    return boxes


def bottom(boxes: Sequence[Box]) -> float:
    """Where a column ends."""
    return boxes[-1].y + boxes[-1].height


def draw_boxes(sheet: Drawing, boxes: Sequence[Box]) -> None:
    """Every room: its name, and what it holds."""
    for box in boxes:
        sheet.box(box.x, box.y, BOX, box.height, box.colour)
        bar = Rectangle((box.x, box.y + 4), 3.5, box.height - 8, fc=box.colour, ec="none")
        sheet.axes.add_patch(bar)
        name = f"{box.room.name}/" if box.room.folder else f"{box.room.name}.py"
        sheet.title(box.x + 12, box.y + 14, name, LARGE)
        for number, line in enumerate(box.lines):
            sheet.text(box.x + 12, box.y + NAME + 5 + LINE * number, line)


def draw_arrows(sheet: Drawing, house: House, boxes: Sequence[Box]) -> None:
    """An arrow from every room to each that it imports; those that run up are red."""
    by_name = {box.room.name: box for box in boxes}
    for (importer, imported), count in sorted(house.imports.items()):
        source, target = by_name[importer], by_name[imported]
        down = source.room.layer < target.room.layer
        # A long arrow runs around the short ones, so it leaves above and arrives below them.
        leaves = _place(house, source, target, leaving=True)
        arrives = _place(house, target, source, leaving=False)
        start = source.y + source.height * (0.5 + 0.42 * leaves)
        end = target.y + target.height * (0.08 + 0.42 * arrives)
        reach = 16 + 104 * (abs(target.row - source.row) / len(boxes)) ** 0.85
        width = WIDTHS[bisect.bisect_right(STEPS, count)]
        colour = source.colour if down else UPWARD
        size = 4.5 + width
        points = [(source.right, start), (source.right + reach, start)]
        points += [(target.right + reach, end), (target.right + size * 0.8, end)]
        curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
        sheet.axes.add_patch(PathPatch(curve, fill=False, ec=colour, lw=width, alpha=0.8))
        sheet.head(target.right + 1, end, size, colour, left=True)


def _place(house: House, box: Box, other: Box, *, leaving: bool) -> float:
    """Where on its box an arrow is, 0 to 1 from above, among those of the same direction."""
    rows = {room.name: row for row, room in enumerate(house.rooms)}
    pairs = house.imports
    if leaving:
        spans = [abs(rows[b] - box.row) for a, b in pairs if a == box.room.name]
        order = sorted(spans, reverse=True)
    else:
        spans = [abs(rows[a] - box.row) for a, b in pairs if b == box.room.name]
        order = sorted(spans)
    return (order.index(abs(other.row - box.row)) + 0.5) / len(order)


def draw_header(sheet: Drawing, house: House, x: float) -> None:
    """A package's name and its own first sentence."""
    folder = PACKAGES[house.package]
    path = folder if folder.endswith(house.package) else f"{folder}/{house.package}"
    says = first_sentence((ROOT / path / "__init__.py").read_text())
    sheet.title(x, TOP + 12, f"{path}/", TITLE)
    for number, line in enumerate(textwrap.wrap(says, 54)[:2]):
        sheet.text(x, TOP + 32 + LINE * number, line)


def draw_way(sheet: Drawing, house: House, boxes: Sequence[Box], top: float) -> float:
    """The stations of a package's data; returns where they end.

    Raises:
        SystemExit: a station's room is not there any more.
    """
    colours = {box.room.name: box.colour for box in boxes}
    path = house.package.replace("unet_operator", "the operator")
    sheet.title(MARGIN, top, f"The way of the data through {path}", LARGE)
    x, y = MARGIN, top + 16
    for number, (station, room) in enumerate(WAYS[house.package]):
        if room not in colours:
            raise SystemExit(f"scripts/architecture.py: {station}: no room {room}; correct WAYS")
        width = 6.7 * len(station) + 14
        if x + width > WIDTH - MARGIN:
            x, y = MARGIN, y + CHIP + 9
        if number:
            sheet.axes.plot([x + 2, x + CHIP_GAP - 6], [y + CHIP / 2] * 2, color=FAINT, lw=1)
            sheet.head(x + CHIP_GAP - 2, y + CHIP / 2, 5, FAINT, left=False)
            x += CHIP_GAP
        sheet.box(x, y, width, CHIP, colours[room])
        sheet.text(x + width / 2, y + CHIP / 2, station, centred=True)
        x += width
    return y + CHIP


def caption(houses: Sequence[House]) -> str:
    """What an arrow means."""
    said = "An arrow points to the room that is imported; the wider, the more imports."
    upward = any(
        layers[importer] >= layers[imported]
        for house in houses
        for layers in [{room.name: room.layer for room in house.rooms}]
        for importer, imported in house.imports
    )
    apart = "The two packages meet in docs/contract.md alone."
    return f"{said} Red runs against the layers." if upward else f"{said} {apart}"


def draw(houses: Sequence[House]) -> Figure:
    """The whole picture."""
    lefts = [MARGIN + number * COLUMN for number in range(len(houses))]
    top = TOP + HEADER
    natural = [bottom(lay_out(house, 0, top, GAP)) for house in houses]
    columns = []
    for house, left, end in zip(houses, lefts, natural, strict=True):
        # The shorter column spreads, so that both end alike.
        gap = GAP + (max(natural) - end) / (len(house.rooms) - 1)
        columns.append(lay_out(house, left, top, gap))
    sheet = Drawing(max(natural) + 205)
    for house, boxes in zip(houses, columns, strict=True):
        draw_header(sheet, house, boxes[0].x)
        draw_boxes(sheet, boxes)
        draw_arrows(sheet, house, boxes)
    y = max(natural) + 26
    sheet.text(MARGIN, y, caption(houses))
    for house, boxes in zip(houses, columns, strict=True):
        y = draw_way(sheet, house, boxes, y + 30)
    return sheet.figure


def main() -> None:
    """Draws the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs/architecture.svg")
    args = parser.parse_args()
    # Text stays text, in the first of the fonts that the reader has; it is placed by the first.
    fonts = ["DejaVu Sans", "Verdana", "Helvetica Neue", "Helvetica", "Arial"]
    matplotlib.rcParams.update({"font.sans-serif": fonts, "svg.fonttype": "none"})
    matplotlib.rcParams["svg.hashsalt"] = "unet"
    figure = draw([read_house(package) for package in PACKAGES])
    svg = args.output.suffix == ".svg"
    about = {"Date": None, "Creator": None, "Title": "Rooms and their imports"} if svg else {}
    figure.savefig(args.output, metadata=about, dpi=72 if svg else 144)


if __name__ == "__main__":
    main()
