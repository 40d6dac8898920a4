"""Staging: whole or not at all, once for all who ask, from a real server on loopback."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.file_server import FileServer, serving
from unet_image import archive, download, msd, stage
from unet_image.download import Transfer
from unet_image.turn import Turn, TurnLost

from unet.system.errors import DataError, PeerLostError, UsageError


def tar_of(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


TASK = tar_of(
    **{
        "Task04/dataset.json": b"{}",
        "Task04/imagesTr/a.nii.gz": bytes(range(256)) * 4000,
        "Task04/._dataset.json": b"junk",
    }
)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"/task.tar.gz": TASK}) as running:
        yield running


def arguments(target: Path, **options: str | None) -> argparse.Namespace:
    named = {"https": None, "s3": None, "msd": None, "sha256": None, "endpoint": None}
    return argparse.Namespace(**named | {"mirror": msd.MIRROR} | options, target=target)


def run(server: FileServer, target: Path, content: bytes = TASK, path: str = "/task.tar.gz") -> int:
    sha256 = hashlib.sha256(content).hexdigest()
    options = arguments(target, https=server.url + path, sha256=sha256)
    return stage.run(options, pause=lambda _: None)


def test_task_is_there_under_its_name_and_nothing_else(server, tmp_path):
    assert run(server, tmp_path / "brain") == 0
    assert (tmp_path / "brain" / "imagesTr" / "a.nii.gz").stat().st_size == 256 * 4000
    assert [p.name for p in tmp_path.iterdir()] == ["brain"]


def test_task_that_is_there_is_not_fetched_again(server, tmp_path):
    run(server, tmp_path / "brain")
    server.asked.clear()
    assert run(server, tmp_path / "brain") == 0
    assert server.asked == []
    assert [p.name for p in tmp_path.iterdir()] == ["brain"]


def test_network_that_stays_bad_leaves_what_came_for_the_next_try(server, tmp_path):
    server.faults = ["cut", *["503"] * download.TRIES]
    with pytest.raises(PeerLostError, match="what came is kept"):
        run(server, tmp_path / "brain")
    assert not (tmp_path / "brain").exists()
    assert run(server, tmp_path / "brain") == 0
    assert server.asked[-1][1] is not None


def test_wrong_digest_leaves_nothing(server, tmp_path):
    with pytest.raises(DataError, match="sha256"):
        run(server, tmp_path / "brain", b"another")
    assert list(tmp_path.iterdir()) == []


def test_a_task_whose_dataset_json_is_damaged_does_not_count_as_there(server, tmp_path):
    broken = tar_of(**{"Task/dataset.json": b'{"name": '})
    server.files["/task.tar.gz"] = broken
    with pytest.raises(DataError, match=r"task\.tar\.gz: dataset\.json: not JSON"):
        run(server, tmp_path / "brain", broken)
    assert list(tmp_path.iterdir()) == []


def test_missing_file_is_an_error_at_once(server, tmp_path):
    with pytest.raises(DataError, match="404"):
        run(server, tmp_path / "brain", path="/none.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_can_be_no_folder_is_refused(server, tmp_path):
    (tmp_path / "volume").write_text("no folder")
    with pytest.raises(UsageError, match="Not a directory"):
        run(server, tmp_path / "volume" / "brain")


def test_a_task_of_the_decathlon_comes_by_its_name_with_its_checksum(server, tmp_path, monkeypatch):
    server.files["/Task04_Hippocampus.tar"] = TASK
    published = hashlib.md5(TASK, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(msd.MD5, "Task04_Hippocampus", published)
    options = arguments(tmp_path / "t", msd="Task04_Hippocampus", mirror=f"{server.url}/")
    assert stage.run(options, pause=lambda _: None) == 0
    assert (tmp_path / "t/dataset.json").exists()


def test_the_decathlon_has_ten_tasks_with_a_checksum_each():
    assert [name[:6] for name in msd.MD5] == [f"Task{i:02}" for i in range(1, 11)]
    assert all(len(bytes.fromhex(digest)) == 16 for digest in msd.MD5.values())


def test_two_who_want_one_task_fetch_it_once(server, tmp_path):
    """The second comes while the first downloads, and waits for it."""
    begun, looked = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert looked.wait(60)

    server.slow = slow
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(run(server, tmp_path / "brain")))
    thread.start()
    assert begun.wait(60)

    def pause(_: float) -> None:
        looked.set()
        thread.join(0.01)

    options = arguments(tmp_path / "brain", https=f"{server.url}/other.tar", sha256="0" * 64)
    assert stage.run(options, pause=pause) == 0
    thread.join()
    assert first == [0]
    assert len(server.asked) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["brain"]


def test_what_a_dead_pod_left_is_gone_on_with(server, tmp_path):
    server.faults = ["cut", *["503"] * download.TRIES]
    with pytest.raises(PeerLostError):
        run(server, tmp_path / "brain")
    dead = Turn(tmp_path / ".stage-brain" / "turn", beat=1e6)
    assert dead.take()
    clock = iter(range(0, 100_000, 50))
    asked = len(server.asked)
    options = arguments(
        tmp_path / "brain",
        https=f"{server.url}/task.tar.gz",
        sha256=hashlib.sha256(TASK).hexdigest(),
    )
    turns = lambda path: Turn(path, beat=1e6, stale=60, clock=lambda: next(clock))  # noqa: E731  short
    assert stage.run(options, pause=lambda _: None, make_turn=turns) == 0
    assert all(wanted for _, wanted in server.asked[asked:])
    with pytest.raises(TurnLost):
        dead.require()
    dead.give_back()
    assert [p.name for p in tmp_path.iterdir()] == ["brain"]


def test_who_was_taken_for_dead_stops_writing(server, tmp_path):
    """It finds out at its next chunk, waits, and takes what the other staged."""
    taken = []

    class Overtaken(Turn):
        def keep(self) -> None:
            if not taken:
                taken.append(True)
                (tmp_path / "brain").mkdir()
                (tmp_path / "brain/dataset.json").write_text("{}")
                raise TurnLost

    options = arguments(
        tmp_path / "brain",
        https=f"{server.url}/task.tar.gz",
        sha256=hashlib.sha256(TASK).hexdigest(),
    )
    assert stage.run(options, pause=lambda _: None, make_turn=Overtaken) == 0
    assert [p.name for p in (tmp_path / "brain").iterdir()] == ["dataset.json"]


DEFLATE64 = base64.b64decode(
    "UEsDBBQAAAAAAK85gV0AAAAAAAAAAAAAAAAFAAAAVGFzay9QSwMEFQAAAAkArzmBXcltMpPeAQAAoIYBAAoAAABU"
    "YXNrL2EudHh05MY3AQAgDACwH5dAl38FFZJcue9HVs/hw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58"
    "+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDh"
    "w4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cP"
    "Hz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58"
    "+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58+PDhw4cPHz58ttw4FgAAAAAY5G89gCHUFR8+fPjw4cOHDx8+fPjw"
    "4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOH"
    "Dx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cOHDx8+"
    "fPjw4cOHDx8+fPjw4cOHDx8+fPjw4cPnCVBLAwQKAAAAAACvOYFdTZVgBQ8AAAAPAAAAEQAAAFRhc2svZGF0YXNl"
    "dC5qc29ueyJsYWJlbHMiOiB7fX0KUEsBAj8DFAAAAAAArzmBXQAAAAAAAAAAAAAAAAUAJAAAAAAAAAAQgO1BAAAA"
    "AFRhc2svCgAgAAAAAAABABgAkEZjd2OB3QEAAAAAAAAAAAAAAAAAAAAAUEsBAj8DFQAAAAkArzmBXcltMpPeAQAA"
    "oIYBAAoAJAAAAAAAAAAggKSBIwAAAFRhc2svYS50eHQKACAAAAAAAAEAGAC/YGR3Y4HdAQAAAAAAAAAAAAAAAAAA"
    "AABQSwECPwMKAAAAAACvOYFdTZVgBQ8AAAAPAAAAEQAkAAAAAAAAACCApIEpAgAAVGFzay9kYXRhc2V0Lmpzb24K"
    "ACAAAAAAAAEAGACQRmN3Y4HdAQAAAAAAAAAAAAAAAAAAAABQSwUGAAAAAAMAAwAWAQAAZwIAAAAA"
)
"""A zip with one member packed by Deflate64 and one stored, made by 7-Zip 26.02."""


def test_a_zip_of_deflate64_is_unpacked(tmp_path):
    (tmp_path / "a").write_bytes(DEFLATE64)
    archive.unpack(tmp_path / "a", tmp_path / "files", "a")
    assert (tmp_path / "files/Task/a.txt").read_bytes() == (b"abcdefgh\n" * 12_000)[:100_000]
    assert (tmp_path / "files/Task/dataset.json").read_text() == '{"labels": {}}\n'


@pytest.mark.parametrize("at", [150, 300, 500])
def test_a_damaged_zip_of_deflate64_is_refused(tmp_path, at):
    broken = bytearray(DEFLATE64)
    broken[at] ^= 0x55
    (tmp_path / "a").write_bytes(broken)
    with pytest.raises(DataError):
        archive.unpack(tmp_path / "a", tmp_path / "files", "a")


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_archive_that_leads_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "a.tar.gz").write_bytes(tar_of(**{name: b"x"}))
    (tmp_path / "files").mkdir()
    with pytest.raises(DataError, match="outside"):
        archive.unpack(tmp_path / "a.tar.gz", tmp_path / "files", "a")
    assert list((tmp_path / "files").iterdir()) == []


def test_zip_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as packed:
        packed.writestr("Task/dataset.json", "{}")
    archive.unpack(tmp_path / "a", tmp_path / "files", "a")
    assert stage.find_task(tmp_path / "files", "a").name == "Task"


def test_neither_tar_nor_zip_is_named(tmp_path):
    (tmp_path / "a").write_bytes(b"<html>")
    with pytest.raises(DataError, match="no readable archive"):
        archive.unpack(tmp_path / "a", tmp_path, "a")


def test_archive_without_a_task_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no dataset\.json in it"):
        stage.find_task(tmp_path, "a")


def test_progress_tells_megabytes_and_time():
    times = iter([0.0])
    transfer = Transfer(clock=lambda: next(times))
    transfer.begin(0, 7_000_000_000)
    transfer.done = 120_000_000
    assert transfer.line(10.0) == "stage=download done=120/7000 eta=9m33s"
