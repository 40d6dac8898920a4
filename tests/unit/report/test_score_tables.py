from support.results import make_results

from unet.report.score_tables import case_table, region_table


def test_regions_have_a_table_only_where_there_are_several():
    assert region_table(make_results([0.5, 0.9])) is None
    results = make_results([0.5, 0.9, 0.7, 0.5, 0.9], regions=("one", "two"))
    table = region_table(results)
    assert [row[0].text for row in table.rows] == ["one", "two"]
    dice = results.summary.regions[0].dice
    assert table.rows[0][1] == ("0.700", f"[{dice.low:.3f}, {dice.high:.3f}]")
    assert table.heads[3] == "HD95 (mm)"


def test_every_case_and_region_has_a_row_with_a_figure_below_each_head():
    results = make_results([0.5, 0.9], regions=("one", "two"), training=("case_1",))
    table = case_table(results, results.cases)
    assert [[cell.text for cell in row[:4]] for row in table.rows] == [
        ["case_0", "one", "validation", "0.5000"],
        ["case_0", "two", "validation", "0.5000"],
        ["case_1", "one", "training", "0.9000"],
        ["case_1", "two", "training", "0.9000"],
    ]
    assert {len(row) for row in table.rows} == {len(table.heads)}


def test_heads_name_the_units_of_known_and_unknown_spacing():
    known, unknown = make_results([0.5]), make_results([0.5], spacing=None)
    assert case_table(known, known.cases).heads[2:] == [
        "Dice",
        "course crop",
        "HD95 (mm)",
        "NSD 1 (mm)",
        "NSD 2 (mm)",
        "actual (ml)",
        "predicted (ml)",
        "lesions found",
        "spurious",
    ]
    assert "HD95 (voxels)" in case_table(unknown, unknown.cases).heads
    assert "actual (voxels)" in case_table(unknown, unknown.cases).heads
