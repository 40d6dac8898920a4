from xml.etree import ElementTree

from unet.report.inline_svg import Ink, inline_svg, new_figure


def drawn(title="what <it> is"):
    figure = new_figure(100, 50)
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    axes.plot([0, 1], [0, 1], color=Ink.ACCENT)
    axes.plot([0.5], [0.5], "o", color=Ink.BLUE, gid="one")
    axes.set_title("Größe", color=Ink.MUTED)
    return inline_svg(figure, title, "what it shows", {"one": "a & b"})


def test_it_is_named_for_those_who_do_not_see_it():
    chart = ElementTree.fromstring(drawn())
    assert chart.attrib == {"class": "chart", "viewBox": "0 0 100 50", "role": "img"}
    assert [(part.tag, part.text) for part in chart[:2]] == [
        ("title", "what <it> is"),
        ("desc", "what it shows"),
    ]


def test_colours_are_those_of_the_page_and_letters_are_text():
    text = drawn()
    assert all(f"var(--{name})" in text for name in ("accent", "blue", "muted"))
    assert not any(ink.value in text for ink in Ink)
    assert any(part.text == "Größe" for part in ElementTree.fromstring(text).iter("text"))
    assert "font-family" not in text


def test_the_same_figure_is_the_same_text_whenever_it_is_drawn():
    first = drawn()
    assert first == drawn()
    assert "metadata" not in first
    assert "<style" not in first


def test_only_what_is_pointed_to_keeps_an_id():
    chart = ElementTree.fromstring(drawn())
    ids = {part.attrib["id"] for part in chart.iter() if "id" in part.attrib}
    wanted = {part.attrib["href"].removeprefix("#") for part in chart.iter("use")}
    assert wanted <= ids
    assert not any(part.attrib.get("id") for part in chart.iter("g"))
    assert [mark.findtext("title") for mark in chart.iter("g") if "class" in mark.attrib] == [
        "a & b"
    ]
