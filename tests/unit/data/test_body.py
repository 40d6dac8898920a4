import numpy as np
import pytest

from unet.data.body import background_of, body_of


def head(background, shape=(20, 22, 18)):
    rng = np.random.default_rng(0)
    image = np.full((*shape, 1), background, dtype=np.float32)
    image[4:15, 5:17, 3:13, 0] = rng.normal(100, 10, (11, 12, 10))
    return image


@pytest.mark.parametrize("background", [0.0, -3.6243944, -1024.0, 32767.0])
def test_any_constant_background_is_found_and_cut(background):
    image = head(background)
    assert background_of(image[..., 0]) == np.float32(background)
    box, body = body_of(image)
    assert box == ((4, 15), (5, 17), (3, 13))
    assert body.all()


def test_dark_voxels_inside_the_body_belong_to_it():
    image = head(0.0)
    image[8:10, 8:10, 6:8] = 0.0
    image[4, 5, 3] = 0.0  # a corner of the box, joined to the outside
    _, body = body_of(image)
    assert body[4:6, 3:5, 3:5].all()
    assert not body[0, 0, 0]
    assert body.sum() == body.size - 1


def test_noisy_air_is_no_background_but_cut_with_a_margin():
    rng = np.random.default_rng(0)
    image = np.abs(rng.normal(0, 4, (30, 32, 34, 1))).round().astype(np.float32)
    image[8:20, 9:21, 10:22] += 100
    image[2, 2, 2] = 90  # one bright speck in the air
    box, body = body_of(image)
    assert box == ((6, 22), (7, 23), (8, 24))
    assert body is None


@pytest.mark.parametrize("low", [-1000.0, 0.0, 1e6])
def test_a_volume_without_air_is_kept_whole(low):
    image = np.random.default_rng(0).normal(low, 20, (9, 10, 11, 1)).astype(np.float32)
    assert body_of(image) == (((0, 9), (0, 10), (0, 11)), None)


def test_one_channel_may_show_what_another_does_not():
    rng = np.random.default_rng(0)
    image = np.abs(rng.normal(0, 4, (30, 30, 30, 2))).astype(np.float32)
    image[10:20, 10:20, 10:20, 0] += 100
    image[15:25, 10:20, 10:20, 1] += 900
    assert body_of(image)[0] == ((8, 27), (8, 22), (8, 22))


def test_a_thin_padding_does_not_count():
    rng = np.random.default_rng(0)
    image = np.zeros((40, 40, 40, 1), dtype=np.float32)
    image[1:-1, 1:-1, 1:-1] = rng.normal(100, 10, (38, 38, 38, 1))
    assert body_of(image) == (((0, 40), (0, 40), (0, 40)), None)


def test_the_body_is_where_any_channel_shows_it():
    image = np.concatenate([head(0.0), head(-5.0)], axis=-1)
    image[2:4, 5:17, 3:13, 1] = 7.0
    box, body = body_of(image)
    assert box == ((2, 15), (5, 17), (3, 13))
    assert body.all()


def test_a_constant_volume_is_kept_whole():
    assert body_of(np.full((4, 5, 6, 1), 3.0, np.float32)) == (((0, 4), (0, 5), (0, 6)), None)


def test_a_single_voxel_volume_is_no_error():
    assert body_of(np.zeros((1, 1, 1, 2), np.float32))[1] is None
