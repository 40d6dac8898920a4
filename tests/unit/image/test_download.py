"""Downloads: whatever the network does, what comes is the file, and nothing comes twice."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.file_server import FileServer, serving
from unet_image import download
from unet_image.download import Transfer
from unet_image.https import Archive, fetch_archive, retry_after
from unet_image.network_fault import NetworkFault, on_the_network
from unet_image.s3 import fetch_s3

from unet.system.errors import DataError

CONTENT = bytes(range(256)) * 8192


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({"/a.tar": CONTENT, "/bucket/Task/dataset.json": b"{}"}) as running:
        running.files["/bucket/Task/imagesTr/a.nii.gz"] = CONTENT
        running.files["/bucket/Task.tar"] = CONTENT
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def transfer(waits: list[float]) -> Transfer:
    return Transfer(pause=waits.append)


def archive(server: FileServer, content: bytes = CONTENT) -> Archive:
    return Archive(f"{server.url}/a.tar", "sha256", hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_a_body_that_ends_in_the_middle_goes_on_there(server, transfer, tmp_path, fault):
    server.faults = ["cut", fault, None]
    fetch_archive(archive(server), tmp_path / "a", transfer)
    assert (tmp_path / "a").read_bytes() == CONTENT
    starts = [asked for _, asked in server.asked]
    assert starts[0] is None
    assert None not in starts[1:]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_server_that_cannot_go_on_sends_all_of_it_again(server, transfer, tmp_path):
    server.faults = ["cut", "no-ranges"]
    fetch_archive(archive(server), tmp_path / "a", transfer)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, transfer, tmp_path):
    server.faults = ["cut"]
    other = bytes(reversed(CONTENT))
    server.slow = lambda: server.files.update({"/a.tar": other}) if server.faults == [] else None
    fetch_archive(archive(server, other), tmp_path / "a", transfer)
    assert (tmp_path / "a").read_bytes() == other


def test_two_versions_without_a_name_are_found_out_by_the_digest(server, transfer, tmp_path):
    server.answer_etag = False
    (tmp_path / "a").write_bytes(b"of an older file" * 1000)
    fetch_archive(archive(server), tmp_path / "a", transfer)
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize("code", ["408", "425", "429", "500", "503"])
def test_a_server_that_asks_to_wait_is_waited_for(server, transfer, tmp_path, waits, code):
    server.faults = [code, code]
    fetch_archive(archive(server), tmp_path / "a", transfer)
    assert waits == [7.0, 7.0]


def test_a_network_that_brings_nothing_is_given_up(server, transfer, tmp_path, waits):
    server.faults = ["503"] * 100
    with pytest.raises(NetworkFault, match=rf"503 .*\({download.TRIES} times\)"):
        fetch_archive(archive(server), tmp_path / "a", transfer)
    assert len(waits) == download.TRIES - 1


def test_a_network_that_brings_a_little_each_time_is_not(server, transfer, tmp_path):
    server.faults = ["cut"] * 15
    fetch_archive(archive(server), tmp_path / "a", transfer)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_nobody_there_is_the_networks_fault(transfer, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.tar"
        with pytest.raises(NetworkFault, match="refused"):
            fetch_archive(Archive(url, "sha256", ""), tmp_path / "a", transfer)


def test_a_server_without_tls_is_the_networks_fault(server, transfer, tmp_path):
    url = f"{server.url}/a.tar".replace("http:", "https:")
    with pytest.raises(NetworkFault, match=r"SSL|TLS|ssl"):
        fetch_archive(Archive(url, "sha256", ""), tmp_path / "a", transfer)


@pytest.mark.parametrize(
    "error",
    [
        OSError(113, "No route to host"),
        OSError(101, "Network is unreachable"),
        ssl.SSLError(1, "bad record mac"),
        TimeoutError("timed out"),
        ConnectionResetError(104, "Connection reset by peer"),
        socket.gaierror(-3, "Temporary failure in name resolution"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_of_the_system_is_the_networks_there(error):
    with pytest.raises(NetworkFault), on_the_network():
        raise error


def test_a_wrong_digest_is_the_users_and_leaves_nothing(server, transfer, tmp_path):
    with pytest.raises(DataError, match=r"sha256 .*expected"):
        fetch_archive(archive(server, b"other"), tmp_path / "a", transfer)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_not_the_networks_fault(server, transfer, tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        fetch_archive(archive(server), tmp_path / "a", transfer)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("", None), ("20", 20.0), ("soon", None), ("Tue, 01 Dec 2020 00:00:00 GMT", 0)],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry_after(text) == seconds


def s3(server: FileServer, prefix: str, folder: Path, transfer: Transfer) -> Path | None:
    uri = f"s3://bucket/{prefix}"
    return fetch_s3(uri, server.url, {}, folder / "files", folder / "archive", transfer)


def test_an_object_of_a_store_goes_on_in_its_middle(server, transfer, tmp_path):
    server.faults = [None, "cut", "reset"]
    assert s3(server, "Task", tmp_path, transfer) is None
    assert (tmp_path / "files/imagesTr/a.nii.gz").read_bytes() == CONTENT
    starts = [asked for path, asked in server.asked if path.endswith("a.nii.gz")]
    assert len(starts) == 3
    assert all(starts[1:])


def test_objects_that_are_there_are_not_fetched_again(server, transfer, tmp_path):
    s3(server, "Task", tmp_path, transfer)
    server.asked.clear()
    s3(server, "Task", tmp_path, transfer)
    assert server.asked == []


def test_an_object_that_changed_is_fetched_again(server, transfer, tmp_path):
    s3(server, "Task", tmp_path, transfer)
    server.files["/bucket/Task/imagesTr/a.nii.gz"] = CONTENT[::-1]
    s3(server, "Task", tmp_path, transfer)
    assert (tmp_path / "files/imagesTr/a.nii.gz").read_bytes() == CONTENT[::-1]


def test_an_archive_in_a_store_is_one_file(server, transfer, tmp_path):
    server.faults = ["cut"]
    assert s3(server, "Task.tar", tmp_path, transfer) == tmp_path / "archive"
    assert (tmp_path / "archive").read_bytes() == CONTENT


def test_bytes_that_differ_from_the_stores_checksum_each_time_are_refused(
    server, transfer, tmp_path, monkeypatch
):
    found = iter("abc")
    monkeypatch.setattr("unet_image.s3.digest", lambda *_: next(found) * 32)
    with pytest.raises(DataError, match="differs from the store's own checksum"):
        s3(server, "Task.tar", tmp_path, transfer)
    assert not (tmp_path / "archive").exists()


def test_an_etag_that_is_no_md5_is_not_held_against_the_bytes(server, transfer, tmp_path):
    server.etag = lambda path: "0123456789abcdef0123456789abcdef"
    s3(server, "Task.tar", tmp_path, transfer)
    assert (tmp_path / "archive").read_bytes() == CONTENT


def test_an_empty_prefix_is_named(server, transfer, tmp_path):
    with pytest.raises(DataError, match="no object below it"):
        s3(server, "Nothing", tmp_path, transfer)


def test_an_object_that_leads_elsewhere_is_refused(server, transfer, tmp_path):
    server.files["/bucket/Task/../../b"] = b"x"
    with pytest.raises(DataError, match="leads out"):
        s3(server, "Task", tmp_path, transfer)
