import numpy as np

from unet.inference.gaussian_weight import gaussian


def test_gaussian_is_symmetric_positive_and_highest_in_the_middle():
    weight = gaussian((9, 12, 5))
    assert weight.min() > 0
    assert weight.max() == weight[4, 5, 2]
    np.testing.assert_array_equal(weight, weight[::-1, ::-1, ::-1])
