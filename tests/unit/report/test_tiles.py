from support.results import make_results

from unet.evaluation.summary import summarise
from unet.report.tiles import make_tiles


def test_the_mean_dice_comes_first_with_its_interval():
    results = make_results([0.5, 0.9, 0.7, 0.5, 0.9])
    first, crop = make_tiles(results)[:2]
    mean = results.summary.mean_dice
    assert (first.big, first.value) == (True, "0.700")
    assert first.note == f"95 % interval {mean.low:.3f} to {mean.high:.3f}"
    assert (crop.big, crop.note) == (False, f"{mean.low:.3f} to {mean.high:.3f}")


def test_few_cases_have_no_interval():
    assert make_tiles(make_results([0.5]))[0].note == "one case"
    assert make_tiles(make_results([0.5, 0.7]))[0].note == "2 cases: no interval"


def test_distances_carry_their_unit_and_a_tolerance_of_1_has_no_plural():
    millimetres, voxels = make_results([0.5]), make_results([0.5], spacing=None)
    assert [tile.unit for tile in make_tiles(voxels) if tile.name == "HD95"] == ["voxels"]
    names = {"mm": [], "voxels": []}
    for results in (millimetres, voxels):
        unit = results.summary.distance_unit
        names[unit] = [tile.name for tile in make_tiles(results) if tile.name.startswith("NSD")]
    assert names == {
        "mm": ["NSD at 1 mm", "NSD at 2 mm"],
        "voxels": ["NSD at 1 voxel", "NSD at 2 voxels"],
    }


def test_a_median_of_0_is_shown():
    (tile,) = [t for t in make_tiles(make_results([1.0, 1.0, 0.5])) if t.name == "HD95"]
    assert (float(tile.value) > 0, tile.note) == (True, "median 0.0 mm")


def test_distances_of_mixed_units_have_no_tile():
    millimetres, voxels = make_results([0.5]), make_results([0.5], spacing=None)
    cases = (*millimetres.cases, voxels.cases[0].model_copy(update={"case": "other"}))
    summary = summarise(millimetres.settings, cases)
    results = millimetres.model_copy(update={"cases": cases, "summary": summary})
    names = [tile.name for tile in make_tiles(results)]
    assert names == ["Mean Dice, case's own grid", "Dice, course crop", "Lesions found"]


def test_lesions_of_all_regions_are_counted():
    tile = make_tiles(make_results([0.5, 0.9], regions=("one", "two")))[-1]
    assert (tile.value, tile.unit, tile.note) == ("4", "of 4", "0 spurious")
