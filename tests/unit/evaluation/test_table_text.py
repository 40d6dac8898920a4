import re

from support.results import make_results

from unet.evaluation.table_text import table_text


def test_the_table_has_a_column_per_region_and_the_mean_below():
    text = table_text(make_results([0.6, 0.8], regions=("one", "two")))
    lines = text.splitlines()
    assert lines[0].split()[:4] == ["case", "one", "two", "Dice"]
    mean = next(line for line in lines if line.startswith("mean "))
    assert mean.split()[3] == "0.7000"
    assert lines[-1] == "mean Dice = 0.7000 (an interval needs 5 cases), 2 cases, on their own grid"


def test_five_cases_have_an_interval():
    last = table_text(make_results([0.6, 0.8, 0.7, 0.6, 0.8])).splitlines()[-1]
    assert re.match(r"mean Dice = 0\.7000 \(95 % interval 0\.6\d* to 0\.7\d*\), 5 cases", last)


def test_a_mean_over_cases_trained_on_is_marked():
    results = make_results([0.5, 0.9], training=("case_0", "case_1"))
    assert "trained on all of these cases" in table_text(results)
