"""Tissues of a brain tumour are known by name."""

from unet.data.brain_tumour import brain_tumour_labels


def test_brain_tumour_labels_are_found_by_name_not_value():
    labels = {1: "necrotic and non-enhancing", 2: "peritumoral edema", 4: "GD-enhancing tumor"}
    found = brain_tumour_labels(labels)
    assert (found.edema, found.non_enhancing, found.enhancing) == (2, 1, 4)
    assert brain_tumour_labels({1: "edema", 2: "other"}) is None
