import numpy as np
from support.results import make_results

from unet.evaluation.metrics import score_region
from unet.evaluation.notes import notes
from unet.evaluation.summary import summarise
from unet.evaluation.table_text import table_text
from unet.evaluation.termination_message import termination_message


def test_cases_with_an_empty_mask_are_counted_and_the_means_without_them_given(tmp_path):
    results = make_results([0.5, 0.9, 0.0])
    nothing = np.zeros((20, 5, 5), bool)
    truth = nothing.copy()
    truth[:10] = True
    missed, healthy = (
        results.cases[0].model_copy(
            update={"case": name, "regions": (score_region("a <b>", nothing, mask, spacing=None),)}
        )
        for name, mask in (("missed", truth), ("healthy", nothing))
    )
    cases = (*results.cases, missed, healthy)
    summary = summarise(results.settings, cases)
    region, without = summary.regions[0], results.summary.regions[0]
    assert region.empty == {"both": 1, "truth": 0, "prediction": 1}
    assert region.dice.mean != region.dice_neither_empty.mean
    assert region.dice_neither_empty == without.dice
    assert region.hd95_neither_empty == without.hd95
    assert region.nsd_neither_empty == without.nsd
    sentences = notes(results.model_copy(update={"summary": summary, "cases": cases}))
    assert sentences == [
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
