import numpy as np

from unet.evaluation.agreement_colours import AMBER, BLUE, PURPLE, RED, blend


def test_colours_say_who_marked_a_voxel():
    prediction = np.array([[0, 1, 0, 1, 2]], np.uint8)
    truth = np.array([[0, 0, 1, 1, 1]], np.uint8)
    colours = blend(np.zeros((1, 5)), prediction, truth)[0]
    assert not colours[0].any()
    for place, colour in zip(range(1, 5), (RED, BLUE, PURPLE, AMBER), strict=True):
        tint = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.argsort(colours[place]).tolist() == np.argsort(tint).tolist()
        assert colours[place].any()
