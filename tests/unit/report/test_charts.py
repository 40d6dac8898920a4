import re
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from unet.report.charts import DOT, beeswarm, line_chart, strip_chart
from unet.report.inline_svg import Ink


@settings(deadline=None, max_examples=30)
@given(
    points=st.lists(
        st.tuples(st.integers(1, 1000), st.floats(-3, 50)), min_size=1, unique_by=lambda p: p[0]
    )
)
def test_lines_stay_inside_the_chart(points):
    points = sorted((float(x), y) for x, y in points)
    chart = ElementTree.fromstring(line_chart("t", points, Ink.BLUE, unit_y=False))
    assert chart.attrib["viewBox"] == "0 0 520 220"
    lines = [e.attrib["d"] for e in chart.iter("path") if "--blue" in e.attrib.get("style", "")]
    marks = [e.attrib for e in chart.iter("use")]
    places = [(float(mark["x"]), float(mark["y"])) for mark in marks]
    for line in lines:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", line)]
        places += zip(numbers[::2], numbers[1::2], strict=True)
    assert places
    for x, y in places:
        assert 0 <= x <= 520
        assert 0 <= y <= 220


def test_the_line_ends_at_the_last_value_on_an_axis_from_0_to_1():
    chart = ElementTree.fromstring(line_chart("t", [(0, 0.0), (10, 0.5)], Ink.ACCENT, unit_y=True))
    (end,) = [mark.attrib for mark in chart.iter("use")]
    assert (float(end["x"]), float(end["y"])) == (508, 12 + 180 / 2)
    labels = [text.text for text in chart.iter("text")]
    assert {"0", "0.25", "0.5", "0.75", "1"} <= set(labels)


def test_dots_of_equal_cases_do_not_cover_each_other():
    chart = ElementTree.fromstring(
        strip_chart("t", [(f"c{i}", 0.5) for i in range(9)], 0.5, (0.5, 0.5))
    )
    places = [(float(dot.attrib["x"]), float(dot.attrib["y"])) for dot in chart.iter("use")]
    assert len(places) == 9
    assert len({x for x, _ in places}) == 1
    heights = sorted(y for _, y in places)
    assert min(b - a for a, b in pairwise(heights)) >= DOT - 1e-3
    height = float(chart.attrib["viewBox"].split()[3])
    assert heights[0] >= DOT / 2
    assert heights[-1] <= height - DOT / 2


def test_every_dot_names_its_case_and_the_mean_lies_where_it_is():
    chart = ElementTree.fromstring(
        strip_chart("Dice", [("a <b>", 0.25), ("c", 1.0)], 0.625, (0.25, 1.0))
    )
    assert [mark.text for mark in chart.findall(".//g/title")] == ["a <b>: 0.2500", "c: 1.0000"]
    dots = [float(dot.attrib["x"]) for dot in chart.iter("use")]
    assert dots == [14 + 0.25 * 692, 706]
    paths = {e.attrib["style"]: e.attrib["d"] for e in chart.iter("path") if "style" in e.attrib}
    mean = next(d for style, d in paths.items() if "stroke: var(--accent)" in style)
    assert float(mean.split()[1]) == 14 + 0.625 * 692
    assert any("fill: var(--band)" in style for style in paths)


def test_without_an_interval_there_is_no_band():
    assert "--band" not in strip_chart("t", [("c", 0.5)], 0.5, None)


def test_a_beeswarm_grows_from_the_middle_only_where_dots_would_meet():
    assert beeswarm([0.1, 0.5, 0.5, 0.5, 0.9]) == [0, 0, 1, -1, 0]
