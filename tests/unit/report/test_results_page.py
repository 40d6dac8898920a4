import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from support.results import make_results

from unet.evaluation.agreement_colours import AMBER, BLUE, PURPLE, RED
from unet.evaluation.folder import Folder
from unet.evaluation.metrics import SCORING_RULES
from unet.report.results_page import write_report


class Page(HTMLParser):
    """What a reader gets: balanced tags, text, attributes."""

    void = frozenset({"meta", "img", "link", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.attributes = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read_page(tmp_path, results):
    folder = Folder(tmp_path)
    folder.make()
    for case in results.cases:
        (folder.overlays / f"{case.case}.png").write_bytes(b"\x89PNG" + case.case.encode())
    path = write_report(folder, results)
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_is_whole_and_loads_nothing(tmp_path):
    page = read_page(tmp_path, make_results([0.5, 0.9, 0.7]))
    for tag, attributes in page.attributes:
        for name in ("src", "href"):
            # A fragment names a part of the page itself.
            assert attributes.get(name, "#").startswith(("data:", "#")), (tag, attributes)
    text = " ".join(page.text)
    assert "@import" not in text
    assert "url(" not in text


def test_every_picture_has_words_and_worst_cases_come_first(tmp_path):
    page = read_page(tmp_path, make_results([0.5, 0.9, 0.7]))
    words = [a["alt"] for tag, a in page.attributes if tag == "img" and a["alt"]]
    assert [w.split()[2].rstrip(",") for w in words] == ["case_0", "case_2", "case_1"]
    tags = [tag for tag, _ in page.attributes]
    charts = [place for place, tag in enumerate(tags) if tag == "svg"]
    assert charts
    for place in charts:
        assert tags[place + 1 : place + 3] == ["title", "desc"]
        assert page.attributes[place][1]["role"] == "img"


def test_names_are_escaped(tmp_path):
    page = read_page(tmp_path, make_results([0.5, 0.9]))
    assert "b" not in [tag for tag, _ in page.attributes]
    assert any("a <b>" in text for text in page.text)


def test_what_the_table_sorts_by_is_the_figure_alone(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    html = write_report(folder, make_results([0.5, 0.9])).read_text(encoding="utf-8")
    cells = re.findall(r"<td>([^<]*)</td>", html)
    assert cells
    assert all(cell == cell.strip() != "" for cell in cells)


def test_the_same_results_give_the_same_page(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    results = make_results([0.5, 0.9, 0.7])
    first = write_report(folder, results).read_bytes()
    assert write_report(folder, results).read_bytes() == first


def test_the_rules_of_scoring_are_printed(tmp_path):
    text = " ".join(read_page(tmp_path, make_results([0.5])).text)
    for rule in SCORING_RULES:
        assert rule in text


def test_a_mean_over_cases_trained_on_is_marked(tmp_path):
    results = make_results([0.5, 0.9], training=("case_0", "case_1"))
    assert "trained on all of these cases" in " ".join(read_page(tmp_path, results).text)


def test_the_page_explains_the_colours_of_the_pictures():
    css = files("unet.report").joinpath("page.css").read_text()
    for name, colour in (("red", RED), ("blue", BLUE), ("purple", PURPLE), ("amber", AMBER)):
        assert f"--{name}:{colour};" in css


@pytest.mark.parametrize("count", [1, 2])
def test_few_cases_make_a_page_too(tmp_path, count):
    assert f"{count} case" in " ".join(read_page(tmp_path, make_results([0.5] * count)).text)
