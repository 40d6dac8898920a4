import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet.evaluation.agreement_colours import AMBER, BLUE, PURPLE, RED
from unet.evaluation.folder import CaseResult, CaseUse, Folder, Settings
from unet.evaluation.metrics import SCORING_RULES, score_region
from unet.evaluation.notes import notes
from unet.evaluation.postprocess import Postprocess
from unet.evaluation.summary import Results, summarise
from unet.evaluation.table_text import table_text
from unet.evaluation.termination_message import termination_message
from unet.report.charts import Series, line_chart, strip_chart
from unet.report.report import pick_for_gallery, read_log, write_report


def make_results(dices, *, spacing=(1.0, 1.0, 1.0), training=(), regions=("a <b>",)):
    """Results of cases whose masks are made to score about these Dice."""
    cases = []
    for i, wanted in enumerate(dices):
        truth = np.zeros((20, 5, 5), bool)
        truth[:10] = True
        prediction = np.roll(truth, round((1 - wanted) * 10), axis=0)
        scores = tuple(score_region(r, prediction, truth, spacing=spacing) for r in regions)
        cases.append(
            CaseResult(
                case=f"case_{i}",
                settings="x",
                shape=(20, 5, 5),
                spacing=spacing,
                regions=scores,
                candidates={},
                seconds=1.0,
                backend="openvino",
            )
        )
    uses = tuple(
        CaseUse(id=c.case, use="training" if c.case in training else "validation") for c in cases
    )
    settings = Settings(
        model="/nowhere/model.hdf5",
        model_sha256="0" * 64,
        trained_on="Balls",
        dataset="Balls & co",
        selection="validation",
        cases=uses,
        regions=regions,
        channels=("FLAIR",),
        window_overlap=0.5,
        mirror=False,
        postprocess=Postprocess(),
        tolerances=(1.0, 2.0),
    )
    return Results(settings=settings, summary=summarise(settings, cases), cases=tuple(cases))


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
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    text = " ".join(page.text)
    assert "@import" not in text
    assert "url(" not in text


def test_every_picture_has_words_and_worst_cases_come_first(tmp_path):
    page = read_page(tmp_path, make_results([0.5, 0.9, 0.7]))
    words = [a["alt"] for tag, a in page.attributes if tag == "img" and a["alt"]]
    assert [w.split()[2].rstrip(",") for w in words] == ["case_0", "case_2", "case_1"]
    for tag, attributes in page.attributes:
        if tag == "svg":
            assert attributes["aria-label"]


def test_names_are_escaped(tmp_path):
    page = read_page(tmp_path, make_results([0.5, 0.9]))
    assert "b" not in [tag for tag, _ in page.attributes]
    assert any("a <b>" in text for text in page.text)


def test_the_edge_rules_are_printed(tmp_path):
    text = " ".join(read_page(tmp_path, make_results([0.5])).text)
    for rule in SCORING_RULES:
        assert rule in text


def test_a_mean_over_cases_trained_on_is_marked(tmp_path):
    results = make_results([0.5, 0.9], training=("case_0", "case_1"))
    for text in (" ".join(read_page(tmp_path, results).text), table_text(results)):
        assert "trained on all of these cases" in text


def test_cases_with_an_empty_mask_are_counted_and_the_means_without_them_given(tmp_path):
    results = make_results([0.5, 0.9, 0.0])
    nothing = np.zeros((20, 5, 5), bool)
    truth = nothing.copy()
    truth[:10] = True
    missed, quiet = (
        results.cases[0].model_copy(
            update={"case": name, "regions": (score_region("a <b>", nothing, mask, spacing=None),)}
        )
        for name, mask in (("missed", truth), ("quiet", nothing))
    )
    cases = (*results.cases, missed, quiet)
    summary = summarise(results.settings, cases)
    region, without = summary.regions[0], results.summary.regions[0]
    assert region.empty == {"both": 1, "truth": 0, "prediction": 1}
    assert region.dice.mean != region.dice_neither_empty.mean
    assert region.dice_neither_empty == without.dice
    assert region.hd95_neither_empty == without.hd95
    assert region.nsd_neither_empty == without.nsd
    told = notes(results.model_copy(update={"summary": summary, "cases": cases}))
    assert told == [
        "a <b>: 1 with both masks empty and 1 with the predicted mask empty; without them "
        f"mean Dice = {without.dice.mean:.4f}, HD95 = {without.hd95.mean:.2f} mm, "
        f"NSD 1 mm = {without.nsd['1'].mean:.4f}, NSD 2 mm = {without.nsd['2'].mean:.4f}."
    ]


def test_distances_of_mixed_units_have_no_mean():
    millimetres, voxels = make_results([0.5]), make_results([0.5], spacing=None)
    cases = (*millimetres.cases, voxels.cases[0].model_copy(update={"case": "other"}))
    summary = summarise(millimetres.settings, cases)
    results = millimetres.model_copy(update={"cases": cases, "summary": summary})
    assert summary.distance_unit == "mixed"
    assert termination_message(results, "r")["hd95"] is None
    assert table_text(results).splitlines()[-2].split()[-1] == "-" or "-" in table_text(results)


def test_the_table_has_a_column_per_region_and_the_mean_below():
    text = table_text(make_results([0.6, 0.8], regions=("one", "two")))
    lines = text.splitlines()
    assert lines[0].split()[:4] == ["case", "one", "two", "Dice"]
    mean = next(line for line in lines if line.startswith("mean "))
    assert mean.split()[3] == "0.7000"
    assert re.match(r"mean Dice = 0\.7000 \(95 % interval 0\.6\d* to 0\.8\d*\), 2 cases", lines[-1])


@given(count=st.integers(1, 400))
def test_the_gallery_shows_the_worst_and_the_best_without_repeats(count):
    places = pick_for_gallery(count)
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] == count - 1
    assert len(places) <= 48


def test_the_curves_skip_torn_lines_and_count_a_repeated_epoch_once(tmp_path):
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}, {"epoch": 2, "loss": 1.0}]
    text = "\n".join(map(json.dumps, lines)) + '\n{"epoch": 3, "lo'
    (tmp_path / "log.jsonl").write_text(text)
    epochs = read_log(Folder(tmp_path / "evaluation-1"), Path("/nowhere/model.hdf5"))
    assert epochs == [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]


@given(
    points=st.lists(
        st.tuples(st.integers(1, 1000), st.floats(-3, 50)), min_size=1, unique_by=lambda p: p[0]
    )
)
def test_lines_stay_inside_the_chart(points):
    points = tuple(sorted((float(x), y) for x, y in points))
    chart = line_chart("t", [Series("loss", points)], unit_y=False)
    (path,) = re.findall(r'points="([^"]*)"', chart)
    for pair in path.split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= 520
        assert 0 <= y <= 220


def test_dots_of_equal_cases_do_not_cover_each_other():
    chart = strip_chart("t", [(f"c{i}", 0.5) for i in range(9)], 0.5, (0.5, 0.5))
    places = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', chart)
    assert len(set(places)) == 9


def test_the_page_explains_the_colours_of_the_pictures():
    css = files("unet.report").joinpath("page.css").read_text()
    for name, colour in (("red", RED), ("blue", BLUE), ("purple", PURPLE), ("amber", AMBER)):
        assert f"--{name}:{colour};" in css


@pytest.mark.parametrize("count", [1, 2])
def test_few_cases_make_a_page_too(tmp_path, count):
    assert f"{count} case" in " ".join(read_page(tmp_path, make_results([0.5] * count)).text)
