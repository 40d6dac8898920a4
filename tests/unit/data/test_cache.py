import gzip
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from unet.data.cache import Cache
from unet.data.msd import load_dataset
from unet.data.recipe import Recipe
from unet.system.errors import DataError, DiskError, UsageError


@pytest.fixture
def dataset(maker):
    for index in range(4):
        maker.case(f"c{index}", image=maker.image(seed=index))
    return load_dataset(maker.root)


def entries(root):
    return sorted(path.name for path in root.iterdir())


def test_a_prepared_case_is_mapped_read_only(tmp_path, dataset, maker):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    cache.prepare(["c0"])
    case = cache.open("c0")
    assert isinstance(case.image, np.memmap)
    assert not case.image.flags.writeable
    assert (case.image.dtype, case.image.shape) == (np.float16, (12, 10, 8, 1))
    assert (case.label.dtype, case.label.shape) == (np.uint8, (12, 10, 8))
    assert np.array_equal(case.label, maker.label())
    assert sorted(case.foreground) == [1, 2]
    for value, voxels in case.foreground.items():
        assert voxels.dtype == np.int32
        assert (case.label[tuple(voxels.T)] == value).all()
        assert len(voxels) == (case.label == value).sum()


@pytest.mark.parametrize(("spacing", "lost"), [(None, {}), ((3.0, 3.0, 3.0), {2: 1})])
def test_a_label_that_the_grid_loses_is_recorded(tmp_path, maker, spacing, lost):
    label = maker.label().clip(0, 1)
    label[4:8, 4:8, 4:8] = 1
    label[5, 5, 5] = 2
    maker.case("c0", image=maker.image(seed=0), label=label)
    cache = Cache(tmp_path / "cache", load_dataset(maker.root), Recipe(spacing=spacing))
    assert {case: record.lost for case, record in cache.prepare(["c0"]).items()} == (
        {"c0": lost} if lost else {}
    )
    assert cache.open("c0").record.lost == lost


def test_a_second_prepare_touches_nothing(tmp_path, dataset):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    ids = [case.id for case in dataset.cases]
    steps = []
    cache.prepare(ids, on_progress=lambda done, total: steps.append((done, total)))
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*")}
    cache.prepare(ids)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*")}


def test_every_case_is_somebodys_share(tmp_path, dataset):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    ids = [case.id for case in dataset.cases]
    counts = []
    for rank in range(3):
        cache.prepare(ids, rank, 3)
        counts.append(len(entries(tmp_path / "cache")))
    assert counts == [2, 3, 4]


def test_another_recipe_or_content_makes_another_entry(tmp_path, dataset, maker):
    root = tmp_path / "cache"
    Cache(root, dataset, Recipe()).open("c0")
    Cache(root, dataset, Recipe(clip=(1, 99))).open("c0")
    assert len(entries(root)) == 2
    dataset.case("c0").label.write_bytes(
        maker.nifti("other.nii.gz", maker.label() // 2).read_bytes()
    )
    assert Cache(root, dataset, Recipe()).open("c0").label.max() == 1
    assert len(entries(root)) == 3


def test_a_fresh_copy_of_a_packed_file_finds_its_entry(tmp_path, dataset):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    cache.open("c0")
    for file in (dataset.case("c0").image, dataset.case("c0").label):
        os.utime(file, (1, 1))
    cache.open("c0")
    assert len(entries(tmp_path / "cache")) == 1


def test_an_edit_of_an_unpacked_file_is_noticed_by_its_time(tmp_path, dataset, maker):
    packed = dataset.case("c0").image
    plain = packed.with_suffix("")
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    cache = Cache(tmp_path / "cache", load_dataset(maker.root), Recipe())
    cache.open("c0")
    os.utime(plain, (1, 1))
    cache.open("c0")
    assert len(entries(tmp_path / "cache")) == 2


@pytest.mark.parametrize("file", ["image.npy", "label.npy", "record.json", "foreground.npz"])
@pytest.mark.parametrize("damage", ["truncate", "remove"])
def test_a_damaged_entry_is_made_again(tmp_path, dataset, file, damage):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    expected = np.array(cache.open("c0").image)
    victim = next((tmp_path / "cache").iterdir()) / file
    if damage == "remove":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    again = cache.open("c0")
    assert np.array_equal(again.image, expected)
    assert len(entries(tmp_path / "cache")) == 1


def test_a_case_without_label_has_none(tmp_path, dataset, maker):
    maker.content["test"] = ["./imagesTr/c1.nii.gz"]
    maker.content["training"] = maker.content["training"][:1]
    maker.save()
    case = Cache(tmp_path / "cache", load_dataset(maker.root), Recipe()).open("c1")
    assert case.label is None
    assert case.foreground == {}


def test_a_bad_case_leaves_nothing_behind(tmp_path, dataset, maker):
    image = dataset.case("c0").image
    image.write_bytes(image.read_bytes()[:-20])
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    with pytest.raises(DataError, match=r"c0\.nii\.gz"):
        cache.prepare(["c0"])
    assert not (tmp_path / "cache").exists()
    image.unlink()
    with pytest.raises(DataError, match="no such file"):
        cache.open("c0")
    with pytest.raises(DataError, match="no case 'c9'"):
        cache.open("c9")


def _prepare(root, data, start):
    cache = Cache(root, load_dataset(data), Recipe())
    start.wait()
    cache.prepare(["c0", "c1", "c2", "c3"])


def test_many_writers_at_once_leave_one_sound_entry_a_case(tmp_path, dataset, maker):
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    arguments = (tmp_path / "cache", maker.root, start)
    writers = [context.Process(target=_prepare, args=arguments) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    names = entries(tmp_path / "cache")
    assert [name.split("-")[0] for name in names] == ["c0", "c1", "c2", "c3"]


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path, dataset):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # dies in the middle of writing, as by kill -9
        os.close(read)
        import unet.data.cache_entry as module

        module.np.savez = lambda *a, **k: (os.write(write, b"x"), signal.pause())
        cache.open("c0")
        os._exit(0)
    assert os.read(read, 1) == b"x"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert [name[:4] for name in entries(tmp_path / "cache")] == [".c0-"]
    assert cache.open("c0").image.shape == (12, 10, 8, 1)
    assert [name[:3] for name in entries(tmp_path / "cache")] == ["c0-"]


def test_a_limit_on_file_size_is_a_disk_error_and_leaves_nothing(tmp_path, dataset):
    cache = Cache(tmp_path / "cache", dataset, Recipe())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DiskError, match=r"c0-.*File too large"):
            cache.open("c0")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert entries(tmp_path / "cache") == []


def test_a_root_that_can_be_no_folder_is_refused(tmp_path, dataset):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="Not a directory"):
        Cache(tmp_path / "file" / "cache", dataset, Recipe()).open("c0")


def test_a_full_disk_is_a_disk_error_and_leaves_nothing(tmp_path, maker):
    """On a real file system of 64 KiB, mounted where nobody else sees it."""
    shape = (40, 40, 40)
    maker.case("c0", image=maker.image(shape))
    small = tmp_path / "small"
    small.mkdir()
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from unet.data.cache import Cache
        from unet.data.msd import load_dataset
        from unet.data.recipe import Recipe
        from unet.system.errors import DiskError
        try:
            Cache(Path({str(small)!r}), load_dataset({str(maker.root)!r}), Recipe()).open("c0")
        except DiskError as error:
            print(int(error.code), list(Path({str(small)!r}).iterdir()), error)
        """
    )
    mount = f"mount -t tmpfs -o size=64k none {small} && exec {sys.executable} -"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert done.stdout.startswith("12 [] "), done.stderr
    assert "No space left on device; free space" in done.stdout
