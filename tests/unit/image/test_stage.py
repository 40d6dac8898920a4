"""Staging: whole or not at all, from a real server on loopback."""

from __future__ import annotations

import argparse
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from unet_image import archive, download, stage
from unet_image.download import Source, Transfer, fetch_https

from unet.system.errors import DataError, PeerLostError


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


class Server:
    """Serves bytes; the first `cuts` answers stop half way."""

    def __init__(self, content: bytes) -> None:
        self.content, self.cuts, self.ranges = content, 0, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/task.tar.gz":
                    self.send_error(404)
                    return
                wanted = self.headers.get("Range")
                outer.ranges.append(wanted)
                start = int(wanted[6:-1]) if wanted else 0
                if wanted and start >= len(outer.content):
                    self.send_error(416)
                    return
                body = outer.content[start:]
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if outer.cuts:
                    outer.cuts -= 1
                    body = body[: len(body) // 2]
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/task.tar.gz"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def server():
    serving = Server(TASK)
    yield serving
    serving.server.shutdown()
    serving.server.server_close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(stage, "Transfer", lambda: Transfer(pause=lambda _: None))


def run(url: str, target: Path, sha256: str = hashlib.sha256(TASK).hexdigest()) -> int:
    options = {"https": url, "s3": None, "sha256": sha256, "endpoint": None, "target": target}
    return stage.run(argparse.Namespace(**options))


def test_task_is_there_under_its_name_and_nothing_else(server, tmp_path):
    assert run(server.url, tmp_path / "brain") == 0
    assert (tmp_path / "brain" / "imagesTr" / "a.nii.gz").stat().st_size == 256 * 4000
    assert [p.name for p in tmp_path.iterdir()] == ["brain"]


def test_task_that_is_there_is_not_fetched_again(server, tmp_path):
    run(server.url, tmp_path / "brain")
    server.ranges.clear()
    assert run(server.url, tmp_path / "brain") == 0
    assert server.ranges == []


def test_cut_download_goes_on_where_it_stopped(server, tmp_path):
    server.cuts = 2
    assert run(server.url, tmp_path / "brain") == 0
    assert server.ranges[0] is None
    assert all(wanted for wanted in server.ranges[1:])


def test_network_that_stays_bad_leaves_what_came_for_the_next_try(server, tmp_path):
    server.cuts = download.TRIES
    with pytest.raises(PeerLostError, match="what came is kept"):
        run(server.url, tmp_path / "brain")
    assert not (tmp_path / "brain").exists()
    assert run(server.url, tmp_path / "brain") == 0


def test_wrong_digest_leaves_nothing(server, tmp_path):
    with pytest.raises(DataError, match="sha256"):
        run(server.url, tmp_path / "brain", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_task_whose_dataset_json_is_damaged_does_not_count_as_there(tmp_path):
    server = Server(tar_of(**{"Task/dataset.json": b'{"name": '}))
    with pytest.raises(DataError, match=r"task\.tar\.gz: dataset\.json: not JSON"):
        run(server.url, tmp_path / "brain", hashlib.sha256(server.content).hexdigest())
    assert list(tmp_path.iterdir()) == []
    server.server.shutdown()
    server.server.server_close()


def test_missing_file_is_an_error_at_once(server, tmp_path):
    with pytest.raises(DataError, match="404"):
        run(server.url.replace("task", "none"), tmp_path / "brain")
    assert list(tmp_path.iterdir()) == []


def test_whole_download_is_not_fetched_again(server, tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(TASK)
    source = Source(server.url, hashlib.sha256(TASK).hexdigest())
    assert fetch_https(source, path, Transfer(pause=lambda _: None)) == path


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
