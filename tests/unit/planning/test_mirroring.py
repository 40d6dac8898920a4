"""Left and right are exchanged unless that would make one structure another."""

import numpy as np
import pytest
from support.fingerprints import fingerprint_of, plan_for, same_cases

from unet.data.case_facts import LabelPlace
from unet.data.case_measurement import read_all_facts
from unet.data.msd import load_dataset
from unet.data.phantom import make_phantom
from unet.data.regions import Region, Target, make_target
from unet.planning.fingerprint import make_fingerprint
from unet.planning.mirroring import choose_mirroring
from unet.planning.plan import Plan

ONE = Target(regions=(Region(name="organ", labels=(1,)),), exclusive=False)
TWO = Target(regions=(Region(name="a", labels=(1,)), Region(name="b", labels=(2,))), exclusive=True)


def placed(shares, centres=((0.5, 0.5),), spread=0.1, names=("a", "b")):
    """A fingerprint whose cases' labels lie so."""
    fingerprint = fingerprint_of([(1, 1, 1)] * len(shares))
    places = [
        {
            value: LabelPlace(
                right=right, centre=centres[i % len(centres)][value - 1], spread=spread
            )
            for value, right in enumerate(case, 1)
        }
        for i, case in enumerate(shares)
    ]
    cases = [
        case.model_copy(update={"places": place, "label_voxels": dict.fromkeys(place, 5)})
        for case, place in zip(fingerprint.cases, places, strict=True)
    ]
    labels = dict(enumerate(names, 1))
    return fingerprint.model_copy(update={"cases": tuple(cases), "labels": labels})


@pytest.fixture(scope="module")
def left_right(tmp_path_factory):
    """The fingerprint of the left and right phantom, and its data set."""
    dataset = load_dataset(make_phantom(tmp_path_factory.mktemp("p") / "d", "LeftRight", 10))
    facts = read_all_facts(dataset, [case.id for case in dataset.cases], (0,))
    return dataset, make_fingerprint(dataset, (0,), facts)


def test_labels_named_by_their_side_are_not_mirrored(left_right):
    dataset, fingerprint = left_right
    decision = choose_mirroring(fingerprint, make_target(dataset, None, None), None)
    assert decision.value == ()
    assert "'left kidney' and 'right kidney'" in decision.reasons[0]


def test_the_same_labels_under_other_names_are_told_by_their_masks(left_right):
    dataset, fingerprint = left_right
    unnamed = fingerprint.model_copy(update={"labels": {1: "a", 2: "b"}})
    decision = choose_mirroring(unnamed, make_target(dataset, None, None), None)
    assert decision.value == ()
    assert "in the left half in 10 of 10 training cases" in decision.reasons[0]


def test_both_sides_as_one_label_stay_mirrored(left_right):
    dataset, fingerprint = left_right
    assert choose_mirroring(fingerprint, make_target(dataset, "all", None), None).value == (0,)


def test_a_tumour_on_either_side_is_mirrored():
    assert choose_mirroring(placed([(1.0,), (0.0,)] * 20), ONE, None).value == (0,)


def test_nearly_always_one_side_is_one_side_and_few_cases_prove_nothing():
    assert choose_mirroring(placed([(0.97,)] * 19 + [(0.5,)]), ONE, None).value == ()
    assert choose_mirroring(placed([(0.97,)] * 15 + [(0.5,)] * 5), ONE, None).value == (0,)
    assert choose_mirroring(placed([(1.0,)] * 7), ONE, None).value == (0,)


def test_two_labels_side_by_side_in_one_half_are_told_by_each_other():
    beside = placed([(0.6, 0.4), (0.4, 0.6)] * 10, centres=((0.7, 0.4), (0.5, 0.2)))
    decision = choose_mirroring(beside, TWO, None)
    assert decision.value == ()
    assert "'a' lies right of 'b'" in decision.reasons[0]
    swapped = placed([(0.6, 0.4)] * 20, centres=((0.7, 0.4), (0.4, 0.7)))
    assert choose_mirroring(swapped, TWO, None).value == (0,)


def test_the_flag_beats_names_and_masks():
    sided = placed([(1.0,)] * 20)
    assert choose_mirroring(sided, ONE, "left-right").value == (0,)
    assert choose_mirroring(placed([(0.5,)] * 20), ONE, "none").value == ()
    assert plan_for(sided, mirror="left-right").mirror_axes == (0,)
    assert plan_for(sided, mirror="auto").mirror_axes == ()


def test_the_plan_says_what_was_decided_and_an_older_one_mirrors():
    plan = plan_for(same_cases((40, 40, 40)))
    assert plan.mirror_axes == (0,)
    assert any("mirrored left and right" in reason for reason in plan.reasons)
    older = plan.model_dump(mode="json", exclude={"mirror_axes"})
    assert Plan.model_validate(older).mirror_axes == (0,)


def test_held_out_cases_do_not_decide():
    sided = placed([(1.0,)] * 10 + [(0.5,)] * 30)
    assert choose_mirroring(sided, ONE, None).value == (0,)
    training = [case.case for case in sided.cases[:10]]
    assert choose_mirroring(sided.of(training), ONE, None).value == ()


def test_places_are_measured_along_the_bodys_left_and_right_whatever_the_files_axes(maker):
    for name, flip in (("ras", 1), ("las", -1)):
        label = np.zeros((12, 11, 10), np.uint8)
        label[8:10, 3:6, 3:6] = 1
        affine = np.diag([flip, 1.0, 1.0, 1.0])
        image = np.random.default_rng(0).normal(100, 10, label.shape)
        maker.case(name, label=label, image=image, affine=affine)
    dataset = load_dataset(maker.root)
    right, left = read_all_facts(dataset, ["ras", "las"], (0,))
    assert right.places[1].right == 1.0
    assert left.places[1].right == 0.0
    assert abs(right.places[1].centre + left.places[1].centre - 1) < 1e-6
