"""Rooms, their layers and the imports between them."""

from pathlib import Path

import pytest
import rooms

LAYERS = """
[importlinter:contract:house]
name = One way
type = layers
containers = somepackage
layers =
    top
    (maybe)
    left | right
    low
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rooms.House:
    files = {
        "somepackage/__init__.py": "",
        "somepackage/__main__.py": "from somepackage import top",
        "somepackage/top.py": '"""The top.  It is all."""\nimport somepackage.left.a',
        "somepackage/left/__init__.py": '"""Left of it,\non two lines."""',
        "somepackage/left/a.py": "from somepackage.left import b\nfrom somepackage.low import c",
        "somepackage/left/b.py": "import somepackage.low.c\nimport somepackage.low.d",
        "somepackage/right/__init__.py": '"""Right: 3.5 of it."""',
        "somepackage/low/__init__.py": "",
        "somepackage/low/c.py": "def f():\n    import somepackage.right",
        "somepackage/low/d.py": "",
        ".importlinter": LAYERS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setitem(rooms.PACKAGES, "somepackage", "somepackage")
    monkeypatch.syspath_prepend(tmp_path)
    return rooms.read_house("somepackage", tmp_path)


def test_rooms_come_in_the_order_of_their_layers(house: rooms.House):
    assert [(room.name, room.layer, room.folder) for room in house.rooms] == [
        ("top", 0, False),
        ("left", 2, True),
        ("right", 2, True),
        ("low", 3, True),
    ]


def test_a_room_says_what_it_holds(house: rooms.House):
    assert [room.holds for room in house.rooms] == [
        "The top",
        "Left of it, on two lines",
        "Right: 3.5 of it",
        "",
    ]


def test_imports_between_rooms_are_counted_also_those_inside_functions(house: rooms.House):
    assert house.imports == {("top", "left"): 1, ("left", "low"): 3, ("low", "right"): 1}


def test_a_tangle_is_what_imports_itself_by_way_of_others():
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("x", "y"), ("y", "x")]
    assert rooms.tangles(edges) == [("a", "b", "c"), ("x", "y")]
    assert rooms.tangles([("a", "b"), ("b", "c")]) == []
