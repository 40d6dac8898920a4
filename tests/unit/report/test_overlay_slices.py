import numpy as np

from unet.report.overlay_slices import choose_slices


def test_slices_go_through_the_largest_lesion_and_the_worst_error():
    truth, prediction = np.zeros((20, 20, 40), np.uint8), np.zeros((20, 20, 40), np.uint8)
    truth[2:12, 2:12, 10] = prediction[2:12, 2:12, 10] = 1
    prediction[:, :, 30] = 1  # larger than the lesion, and all wrong
    slices = choose_slices(prediction, truth)
    assert (slices.largest.plane, slices.largest.index) == ("axial", 10)
    assert slices.worst.index == 30
    assert [other.plane for other in slices.others] == ["coronal", "sagittal"]
    assert all(2 <= other.index < 12 for other in slices.others)


def test_flat_volumes_have_axial_slices_only():
    truth = np.zeros((20, 20, 8), np.uint8)
    truth[5:9, 5:9, 1:7], truth[5, 5, 3] = 1, 0
    slices = choose_slices(truth, truth, flat=True)
    assert slices.worst is None
    assert [other.axis for other in slices.others] == [2, 2]
    assert len({slices.largest.index, *(other.index for other in slices.others)}) == 3


def test_empty_masks_still_have_slices():
    empty = np.zeros((5, 6, 7), np.uint8)
    for flat in (False, True):
        slices = choose_slices(empty, empty, flat=flat)
        assert (slices.largest.index, slices.largest.why) == (3, "nothing to see")
