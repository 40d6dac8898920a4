"""Headers that do not keep their promises, and files that are something else."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest

from unet.data import nifti_file
from unet.data.volume import read_image, read_label
from unet.inference.prediction_file import read_header, write_volume
from unet.system.errors import DataError

SHAPE = (6, 5, 4)


def content_of(array=None, **fields):
    """A NIfTI file whose header's fields are overwritten."""
    array = np.arange(120, dtype=np.int16).reshape(SHAPE) if array is None else array
    image = nib.Nifti1Image(array, np.eye(4))
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + content[348:]


def refused(path, *parts):
    with pytest.raises(DataError) as caught:
        read_image(path, 1)
    text = str(caught.value)
    assert "\n" not in text
    for part in (path, *parts):
        assert str(part) in text


DIM = [3, 6, 5, 4, 1, 1, 1, 1]
BROKEN = {
    "fewer slices than stored": ({"dim": [3, 6, 5, 3, 1, 1, 1, 1]}, "holds more than"),
    "fewer columns than stored": ({"dim": [3, 5, 5, 4, 1, 1, 1, 1]}, "holds more than"),
    "more slices than stored": ({"dim": [3, 6, 5, 5, 1, 1, 1, 1]}, "truncated"),
    "a negative size": ({"dim": [3, -6, 5, 4, 1, 1, 1, 1]}, "shape -6x5x4"),
    "a type of half the bits": ({"datatype": 2, "bitpix": 8}, "holds more than"),
    "bits of another type": ({"bitpix": 8}, "8 bits per voxel, but its type int16 has 16"),
    "a type of the same bits": ({"datatype": 4, "bitpix": 32}, "32 bits per voxel"),
    "an offset inside the header": ({"vox_offset": 100}, "100"),
    "an offset behind the file": ({"vox_offset": 5000}, "truncated"),
    "an offset of half a byte": ({"vox_offset": 352.5}, "voxels from byte 352.5"),
    "an infinite offset": ({"vox_offset": np.inf}, ""),
    "a pair's header": ({"magic": b"ni1"}, "in another file"),
    "an infinite affine": ({"srow_x": [np.inf, 0, 0, 0]}, "affine"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("fields", "found"), BROKEN.values(), ids=BROKEN)
def test_a_header_that_its_file_contradicts_is_refused(tmp_path, fields, found, packed):
    path = tmp_path / "a.nii.gz"
    content = content_of(**fields)
    path.write_bytes(gzip.compress(content) if packed else content)
    refused(path, found)


def test_padding_after_the_voxels_is_no_fault(tmp_path):
    (tmp_path / "a.nii").write_bytes(content_of() + bytes(16))
    assert read_image(tmp_path / "a.nii", 1).array.shape == (*SHAPE, 1)


def test_a_quaternion_a_rounding_too_long_is_a_half_turn(tmp_path):
    half = {"quatern_b": 0.0, "quatern_c": 0.70715, "quatern_d": 0.70711}
    turned = content_of(sform_code=0, qform_code=1, **half)
    (tmp_path / "a.nii").write_bytes(turned)
    volume = read_image(tmp_path / "a.nii", 1)
    assert np.allclose(np.abs(volume.affine[:3, :3]), [[1, 0, 0], [0, 0, 1], [0, 1, 0]], atol=1e-3)
    write_volume(
        tmp_path / "b.nii.gz",
        volume.array[..., 0],
        volume.affine,
        read_header(tmp_path / "a.nii"),
    )
    assert np.allclose(nib.load(tmp_path / "b.nii.gz").affine, volume.affine, atol=1e-3)
    (tmp_path / "a.nii").write_bytes(
        content_of(sform_code=0, qform_code=1, quatern_b=0.9, quatern_c=0.9)
    )
    refused(tmp_path / "a.nii", "affine", "repair the header")


def test_channels_as_a_fifth_axis_are_channels(tmp_path):
    array = np.random.default_rng(0).normal(size=(*SHAPE, 1, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii.gz")
    assert np.array_equal(read_image(tmp_path / "a.nii.gz", 3).array, array[:, :, :, 0])


POINTERS = {
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "annex": b"/annex/objects/MD5E-s123--d41d8cd98f00b204e9800998ecf8427e.nii.gz\n",
}


@pytest.mark.parametrize("kind", POINTERS)
def test_a_pointer_is_named_with_the_command_that_fetches_it(tmp_path, kind):
    (tmp_path / "a.nii.gz").write_bytes(POINTERS[kind])
    refused(tmp_path / "a.nii.gz", "a pointer of", f"run `git {kind}")


def test_a_link_to_what_was_not_fetched_is_named(tmp_path):
    (tmp_path / "a.nii.gz").symlink_to(".git/annex/objects/x/MD5E.nii.gz")
    refused(tmp_path / "a.nii.gz", "which is not there", "git annex get")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.nii.gz")
    refused(tmp_path / "a.nii.gz", "not a regular file")


def bomb(path, shape, unpacked):
    """A small gzip that unpacks to `unpacked` bytes under a header of `shape`."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.uint8)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(header.binaryblock + bytes(4))
        for _ in range(unpacked // 2**20):
            stream.write(bytes(2**20))
    return path


def test_what_a_header_promises_beyond_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti_file, "memory_limit_bytes", lambda: 2**30)
    path = bomb(tmp_path / "a.nii.gz", (1500, 1000, 1000), 2 * 2**20)
    # What the file could unpack to at most settles it where even that is less.
    refused(path, "cannot hold the 1500000352 its header promises")
    path = bomb(tmp_path / "b.nii.gz", (700, 700, 700), 2**20 * 400)
    refused(path, "its header promises 700x700x700 voxels, 1.3 GiB of 1.0 GiB of memory")


def test_what_unpacks_to_more_than_its_header_promises_is_not_unpacked(tmp_path, monkeypatch):
    path = bomb(tmp_path / "a.nii.gz", (8, 8, 8), 300 * 2**20)
    read = []
    plain = nifti_file.unpacked

    def counted(*given):
        block = plain(*given)
        read.append(len(block))
        return block

    monkeypatch.setattr(nifti_file, "unpacked", counted)
    refused(path, "holds more than the 864 bytes")
    assert sum(read) < 2 * nifti_file.PIECE_BYTES


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_pieces_join_to_the_whole(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(nifti_file, "PIECE_BYTES", 64)
    array = np.random.default_rng(0).integers(0, 3, (7, 5, 4, 2)).astype(dtype)
    image = nib.Nifti1Image(array, np.eye(4))
    image.header.set_slope_inter(0.5, 1)
    nib.save(image, tmp_path / "a.nii.gz")
    found = read_image(tmp_path / "a.nii.gz", 2)
    assert np.array_equal(found.array, nib.load(tmp_path / "a.nii.gz").get_fdata(dtype=np.float32))
    nib.save(nib.Nifti1Image(array[..., 0], np.eye(4)), tmp_path / "l.nii.gz")
    assert np.array_equal(read_label(tmp_path / "l.nii.gz", found, (1, 2)), array[..., 0])
