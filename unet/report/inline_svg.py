"""Matplotlib's SVG made fit for a page: inline, in the page's colours, the same every time.

A figure is drawn in the colours of `Ink`, which stand for the style sheet's variables, so that
a chart follows the reader's light or dark setting as the page does.  Text stays text.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from enum import StrEnum
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

UNITS_PER_INCH = 72
"""Matplotlib's SVG measures in points."""
SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
"""Neither the date nor the version of Matplotlib: the same results give the same page."""


class Ink(StrEnum):
    """Colours to draw in; each becomes the variable of its name in page.css."""

    ACCENT = "#000001"
    BLUE = "#000002"
    LINE = "#000003"
    MUTED = "#000004"
    BAND = "#000005"


def new_figure(width: float, height: float) -> Figure:
    """A figure without a background, in the units of its SVG's viewBox."""
    return Figure(
        figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH), dpi=UNITS_PER_INCH, frameon=False
    )


def inline_svg(
    figure: Figure, title: str, description: str, notes: Mapping[str, str] | None = None
) -> Markup:
    """The figure as an `<svg class="chart">` element without width, height or namespaces.

    Args:
        figure: drawn in the colours of `Ink`.
        title: what it is, read out by screen readers.
        description: what it shows, read out after it.
        notes: of single marks, shown where a pointer rests on them: gid → plain text.
    """
    drawn = io.StringIO()
    # Ids come from the content alone, and letters are not drawn as paths.
    with matplotlib.rc_context({"svg.hashsalt": "unet", "svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", metadata=NO_METADATA)
    root = ElementTree.fromstring(drawn.getvalue())
    root.attrib = {"class": "chart", "viewBox": root.attrib["viewBox"], "role": "img"}
    for style_sheet in root.findall(f"{SVG}defs/{SVG}style/.."):
        root.remove(style_sheet)  # inline it would hold for the whole page; page.css has it
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        element.text = (element.text or "").strip()
        element.tail = None
        if XLINK + "href" in element.attrib:
            element.attrib["href"] = element.attrib.pop(XLINK + "href")
        if "style" in element.attrib:
            element.attrib["style"] = _page_style(element.attrib["style"])
        if element.attrib.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    _name_marks(root, notes or {})
    root.insert(0, _text_element("title", title))
    root.insert(1, _text_element("desc", description))
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))


def _page_style(style: str) -> str:
    """A style attribute with the page's colours and without a font of its own."""
    kept = [part for part in style.split("; ") if not part.startswith("font-family:")]
    style = "; ".join(kept)
    for ink in Ink:
        style = style.replace(ink.value, f"var(--{ink.name.lower()})")
    return style


def _name_marks(root: ElementTree.Element, notes: Mapping[str, str]) -> None:
    """Gives marks their notes, and drops the other groups' ids: a page has several charts."""
    for group in root.iter("g"):
        name = group.attrib.pop("id", "")
        if name in notes:
            group.attrib["class"] = "mark"
            group.insert(0, _text_element("title", notes[name]))


def _text_element(tag: str, text: str) -> ElementTree.Element:
    element = ElementTree.Element(tag)
    element.text = text
    return element
