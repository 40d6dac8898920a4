import numpy as np
import pytest
from support.results import make_results

from unet.evaluation.metrics import score_region
from unet.evaluation.notes import notes
from unet.evaluation.postprocess import CANDIDATES, Postprocess
from unet.evaluation.summary import summarise, without_absent
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


def of_two_regions(seconds):
    """Results of cases of Dice 0.8 in region `one`; of `two` no case has a voxel.

    Args:
        seconds: for each case, whether `two` is predicted all the same.
    """
    results = make_results([0.8] * len(seconds), regions=("one", "two"))
    nothing, something = np.zeros((20, 5, 5), bool), np.ones((20, 5, 5), bool)
    cases = without_absent(
        tuple(
            case.model_copy(
                update={
                    "regions": (
                        case.regions[0],
                        score_region(
                            "two", something if predicted else nothing, nothing, spacing=None
                        ),
                    )
                }
            )
            for case, predicted in zip(results.cases, seconds, strict=True)
        )
    )
    summary = summarise(results.settings, cases)
    return results.model_copy(update={"summary": summary, "cases": cases})


@pytest.mark.parametrize("seconds", [(True, False), (True, True), (False, False)])
def test_a_region_that_no_case_has_counts_in_no_mean_and_is_named(seconds):
    results = of_two_regions(seconds)
    assert [case.dice for case in results.cases] == [0.8, 0.8]
    assert results.summary.mean_dice.mean == pytest.approx(0.8)
    assert termination_message(results, "r")["meanDice"] == 0.8
    assert notes(results) == [
        f"two: no case has it, so no mean counts it; it is predicted in {sum(seconds)} of 2 cases."
    ]


def test_where_no_case_has_any_region_all_are_counted():
    results = of_two_regions((True, False))
    empty = tuple(case.model_copy(update={"regions": case.regions[1:]}) for case in results.cases)
    assert [case.dice for case in without_absent(empty)] == [0.0, 1.0]


def test_what_was_chosen_on_the_cases_that_are_scored_is_said():
    results = make_results([0.5, 0.9])
    candidates = {"a <b>": dict.fromkeys(CANDIDATES, 0.6)}
    cases = tuple(case.model_copy(update={"candidates": candidates}) for case in results.cases)
    settings = results.settings.model_copy(
        update={
            "epoch_chosen_on": ("case_0", "elsewhere"),
            "postprocess": Postprocess(rules={"a <b>": CANDIDATES[1]}),
            "postprocess_chosen_on": ("case_0", "case_1"),
        }
    )
    assert notes(results.model_copy(update={"settings": settings, "cases": cases})) == [
        "The model's epoch was chosen by the validation Dice of 1 of these 2 cases (--keep best), "
        "which flatters it a little.",
        "Post-processing (a <b>: largest component) was chosen on these cases; mean Dice without "
        "it = 0.6000, with rules that other cases chose = 0.6000.",
    ]
