import contextlib
import gzip
import shutil

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unet.data.volume import read_image, read_label
from unet.system.errors import DataError, ExitCode


def fails(call, *parts):
    """The call's DataError, which must be one line and hold the parts."""
    with pytest.raises(DataError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.code == ExitCode.DATA
    for part in parts:
        assert str(part) in text
    return caught.value


@pytest.fixture
def pair(maker):
    return maker.case("a")


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64", "int64"]
)
@pytest.mark.parametrize("slope", [1.0, 0.25])
def test_every_storage_type_gives_the_same_numbers(tmp_path, dtype, slope):
    stored = np.arange(60).reshape(3, 4, 5).astype(dtype)
    image = nib.Nifti1Image(stored, np.eye(4), dtype=dtype)
    image.header.set_slope_inter(slope, -3)
    nib.save(image, tmp_path / "a.nii.gz")
    volume = read_image(tmp_path / "a.nii.gz", 1)
    assert volume.array.dtype == np.float32
    assert np.allclose(volume.array[..., 0], nib.load(tmp_path / "a.nii.gz").get_fdata())


def test_big_endian_and_nifti2_are_read(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    header = nib.Nifti1Header(endianness=">")
    nib.save(nib.Nifti1Image(array, np.eye(4), header), tmp_path / "big.nii.gz")
    nib.save(nib.Nifti2Image(array, np.eye(4)), tmp_path / "two.nii")
    for name in ("big.nii.gz", "two.nii"):
        assert np.array_equal(read_image(tmp_path / name, 1).array[..., 0], array)


def test_channels_are_picked_in_the_order_asked(maker):
    array = np.stack([maker.image(seed=s) for s in range(4)], axis=-1)
    path = maker.nifti("imagesTr/a.nii.gz", array)
    assert np.array_equal(read_image(path, 4).array, array)
    assert np.array_equal(read_image(path, 4, (2, 0)).array, array[..., [2, 0]])


@pytest.mark.parametrize("shape", [(4, 5, 6, 1), (4, 5, 6, 1, 1)])
def test_trailing_axes_of_one_are_dropped(maker, shape):
    path = maker.nifti("imagesTr/a.nii.gz", np.ones(shape, np.float32))
    assert read_image(path, 1).array.shape == (4, 5, 6, 1)
    label = maker.nifti("labelsTr/a.nii.gz", np.ones(shape, np.uint8))
    assert read_label(label, read_image(path, 1), (1,)).shape == (4, 5, 6)


def test_the_content_not_the_name_says_whether_it_is_packed(maker, pair):
    plain = maker.root / "plain.nii.gz"
    plain.write_bytes(gzip.decompress(pair[0].read_bytes()))
    packed = maker.root / "packed.nii"
    shutil.copy(pair[0], packed)
    assert np.array_equal(read_image(plain, 1).array, read_image(packed, 1).array)


@pytest.mark.parametrize("kept", [1, 5, 50, 0.3, 0.7, 0.99, -1])
def test_a_truncated_gzip_is_named(pair, kept):
    content = pair[0].read_bytes()
    length = int(len(content) * kept) if 0 < kept < 1 else kept
    pair[0].write_bytes(content[:length])
    fails(lambda: read_image(pair[0], 1), pair[0], "again")


def test_a_gzip_cut_after_the_last_voxel_is_still_damage(tmp_path):
    # nibabel alone reads it happily: it never looks at the checksum behind the array.
    array = np.zeros((40, 40, 40), np.uint8)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii.gz")
    content = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(content[:-4])
    assert nib.load(tmp_path / "a.nii.gz").get_fdata().shape == (40, 40, 40)
    fails(lambda: read_image(tmp_path / "a.nii.gz", 1), "truncated gzip")


def test_a_flipped_bit_is_found(pair):
    content = bytearray(pair[0].read_bytes())
    content[len(content) // 2] ^= 0x10
    pair[0].write_bytes(bytes(content))
    fails(lambda: read_image(pair[0], 1), pair[0], "gzip", "again")


def test_a_truncated_plain_file_tells_how_much_is_missing(tmp_path, maker):
    path = maker.nifti("a.nii", maker.image())
    path.write_bytes(path.read_bytes()[:-100])
    fails(lambda: read_image(path, 1), "truncated: 4092 of 4192 bytes")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"hello" * 100, "not a NIfTI file"),
        (gzip.compress(b"hello", mtime=0), "not a NIfTI file"),
        (b"\x00" * 400, "not a NIfTI file"),
    ],
)
def test_what_is_no_nifti_is_named(tmp_path, content, found):
    (tmp_path / "a.nii.gz").write_bytes(content)
    fails(lambda: read_image(tmp_path / "a.nii.gz", 1), "a.nii.gz", found, "again")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    fails(lambda: read_image(tmp_path / "a.nii.gz", 1), "no such file", "dataset.json")
    fails(lambda: read_image(tmp_path, 1), "Is a directory")


def test_colour_and_complex_voxels_are_refused(tmp_path):
    rgb = np.zeros((3, 4, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for name, array in (("rgb", rgb), ("complex", np.zeros((3, 4, 5), np.complex64))):
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / f"{name}.nii")
        fails(lambda path=tmp_path / f"{name}.nii": read_image(path, 1), "voxels of type")


@pytest.mark.parametrize(
    ("shape", "channels", "found"),
    [
        ((4, 5, 6), 4, "1 channel (shape 4x5x6)"),
        ((4, 5, 6, 2), 1, "2 channels (shape 4x5x6x2)"),
        ((4, 5, 6, 2), 4, "modality lists 4"),
        ((4, 5), 1, "shape 4x5"),
        ((4, 5, 6, 2, 3), 2, "shape 4x5x6x2x3"),
    ],
)
def test_other_dimensions_than_the_data_sets_are_refused(maker, shape, channels, found):
    path = maker.nifti("a.nii.gz", np.zeros(shape, np.float32))
    fails(lambda: read_image(path, channels), path, found)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted(maker, value):
    image = maker.image()
    image[1, 2, 3:5] = value
    path = maker.nifti("a.nii.gz", image)
    fails(lambda: read_image(path, 1), "2 NaN or infinite voxels of 960")


def test_a_number_beyond_float32_is_infinite(maker):
    image = maker.image().astype(np.float64)
    image[0, 0, 0] = 1e300
    fails(lambda: read_image(maker.nifti("a.nii.gz", image), 1), "1 NaN or infinite")


def test_huge_numbers_within_float32_are_fine(maker):
    image = np.full((4, 5, 6), 3e38, np.float32)
    assert read_image(maker.nifti("a.nii.gz", image), 1).array.max() == np.float32(3e38)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 351), value=st.binary(min_size=1, max_size=4))
def test_no_damaged_header_escapes_as_another_error(tmp_path, position, value):
    image = nib.Nifti1Image(np.ones((3, 4, 5), np.int16), np.eye(4))
    content = bytearray(image.to_bytes())
    content[position : position + len(value)] = value
    (tmp_path / "a.nii").write_bytes(bytes(content))
    # Either it reads as before, or it is refused in our own words; nothing else.
    with contextlib.suppress(DataError):
        volume = read_image(tmp_path / "a.nii", 1)
        read_label(tmp_path / "a.nii", volume, (1,))


def test_a_degenerate_affine_is_named(tmp_path):
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.float32), np.eye(4))
    image.header.set_sform(np.diag([1, 0, 1, 1]), code=1)
    image.header.set_qform(None, code=0)
    path = tmp_path / "a.nii"
    path.write_bytes(image.to_bytes())
    content = bytearray(path.read_bytes())
    flat = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]], "<f4").tobytes()
    content[280 : 280 + len(flat)] = flat
    path.write_bytes(bytes(content))
    fails(lambda: read_image(path, 1), f"{path}: affine", "not invertible", "sform")


def test_a_label_of_another_shape_is_refused(maker, pair):
    image = read_image(pair[0], 1)
    path = maker.nifti("l.nii.gz", np.zeros((12, 10, 7), np.uint8))
    fails(lambda: read_label(path, image, (1, 2)), path, "shape 12x10x7", "12x10x8")
    path = maker.nifti("l4.nii.gz", np.zeros((12, 10, 8, 2), np.uint8))
    fails(lambda: read_label(path, image, (1, 2)), "shape 12x10x8x2")


def test_a_label_elsewhere_is_refused_and_header_noise_is_not(maker, pair):
    image = read_image(pair[0], 1)
    noisy = np.eye(4)
    noisy[2, 3] += 1e-2
    path = maker.nifti("noisy.nii.gz", maker.label(), noisy)
    assert read_label(path, image, (1, 2)).max() == 2
    for shift, affine in ((2.0, np.diag([1, 1, 1, 1.0])), (11.0, np.diag([-1, 1, 1, 1.0]))):
        affine[0, 3] = shift if affine[0, 0] > 0 else 0
        path = maker.nifti("off.nii.gz", maker.label(), affine)
        fails(lambda path=path: read_label(path, image, (1, 2)), f"{path}: affine", "voxels off")


def test_labels_off_by_float_noise_are_rounded(maker, pair):
    image = read_image(pair[0], 1)
    noisy = maker.label().astype(np.float32) + np.float32(4e-4)
    label = read_label(maker.nifti("l.nii.gz", noisy), image, (1, 2))
    assert label.dtype == np.uint8
    assert np.array_equal(label, maker.label())


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0.5, "label value 0.5, no integer"),
        (np.nan, "NaN or infinite label values"),
        (3, "label value 3 not in dataset.json"),
        (-1, "label value -1 not in dataset.json"),
        (257, "label value 257 not in dataset.json"),
    ],
)
def test_label_values_that_mean_nothing_are_refused(maker, pair, value, found):
    label = maker.label().astype(np.float32)
    label[0, 0, 0] = value
    path = maker.nifti("l.nii.gz", label)
    fails(lambda: read_label(path, read_image(pair[0], 1), (1, 2)), path, found)


def test_scaled_labels_keep_their_values(maker, pair):
    image = nib.Nifti1Image(maker.label() * 2, np.eye(4))
    image.header.set_slope_inter(0.5, 0)
    (maker.root / "l.nii.gz").write_bytes(gzip.compress(image.to_bytes()))
    stored = nib.load(maker.root / "l.nii.gz").get_fdata()
    label = read_label(maker.root / "l.nii.gz", read_image(pair[0], 1), (1, 2, 4))
    assert np.array_equal(label, stored)
