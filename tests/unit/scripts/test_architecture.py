"""The picture of the rooms: what it shows, and that equal code gives equal bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import architecture
import pytest
import rooms
from matplotlib.figure import Figure

ROOMS = ("api", "loop", "lifecycle", "cluster", "observe")


def make_house(imports: dict[tuple[str, str], int]) -> rooms.House:
    order = ("loop", "lifecycle", "cluster", "observe", "api")
    layers = (0, 1, 2, 2, 3)
    made = [
        rooms.Room(name, f"What {name} holds", layer, folder=name != "api")
        for name, layer in zip(order, layers, strict=True)
    ]
    return rooms.House("unet_operator", tuple(made), imports)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_room_is_named_and_says_what_it_holds():
    shown = texts(architecture.draw([make_house({("loop", "api"): 1})]))
    for name in ROOMS:
        assert f"What {name} holds" in shown
    assert {"loop/", "api.py"} <= set(shown)


def test_an_arrow_is_the_wider_the_more_imports():
    house = make_house({("loop", "api"): 1, ("loop", "lifecycle"): 8, ("loop", "observe"): 40})
    arrows = [p for p in architecture.draw([house]).axes[0].patches if not p.get_fill()]
    assert sorted(arrow.get_linewidth() for arrow in arrows) == [0.9, 2.8, 4.2]


@pytest.mark.parametrize("pair", [("api", "loop"), ("cluster", "observe")])
def test_an_import_against_the_layers_is_red_and_said(pair: tuple[str, str]):
    figure = architecture.draw([make_house({pair: 1})])
    (arrow,) = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    red = (0xD1 / 255, 0x1A / 255, 0x2A / 255)
    assert arrow.get_edgecolor()[:3] == pytest.approx(red)
    assert any("Red runs against the layers" in text for text in texts(figure))


def test_a_station_whose_room_is_gone_is_an_error():
    house = make_house({("loop", "api"): 1})
    smaller = rooms.House(house.package, house.rooms[1:], {("lifecycle", "api"): 1})
    with pytest.raises(SystemExit, match="queue: no room loop"):
        architecture.draw([smaller])


def test_equal_code_gives_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pictures = []
    for name in ("a.svg", "b.svg"):
        monkeypatch.setattr("sys.argv", ["architecture.py", "--output", str(tmp_path / name)])
        architecture.main()
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert ElementTree.fromstring(pictures[0]).tag.endswith("svg")


def test_the_page_beside_the_picture_names_every_room():
    page = (rooms.ROOT / "docs/architecture.md").read_text()
    for package in rooms.PACKAGES:
        for room in rooms.read_house(package).rooms:
            assert f"\n| `{room.name}{'/' if room.folder else '.py'}` |" in page, room.name
