"""Horovod's source is compared with its digest, and nothing of it runs while it is fetched."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_horovod", CHECKOUT / "setup/build_horovod.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sdist(marker: Path, version: str) -> bytes:
    """A source distribution whose setup.py leaves a marker wherever it runs."""
    texts = {
        "setup.py": f"open({str(marker)!r}, 'w').close()\n"
        f"from setuptools import setup\nsetup(name='horovod', version={version!r})\n",
        "PKG-INFO": f"Metadata-Version: 1.0\nName: horovod\nVersion: {version}\n",
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in texts.items():
            info = tarfile.TarInfo(f"horovod-{version}/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest.fixture
def index(
    tmp_path: Path, builder: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, str]]:
    """pip's index on loopback; the marker of its one package, and the package's digest."""
    folder = tmp_path / "index/simple/horovod"
    folder.mkdir(parents=True)
    name = f"horovod-{builder.HOROVOD}.tar.gz"
    content = sdist(tmp_path / "ran", builder.HOROVOD)
    (folder / name).write_bytes(content)
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>')
    handler = partial(Quiet, directory=str(tmp_path / "index"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    yield tmp_path / "ran", hashlib.sha256(content).hexdigest()
    server.shutdown()
    server.server_close()


def test_the_right_archive_is_fetched_without_running_it(
    tmp_path: Path, builder: ModuleType, index: tuple[Path, str]
):
    marker, digest = index
    archive = builder.download(tmp_path, tmp_path / "log", digest)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == digest
    assert not marker.exists()


def test_an_archive_with_another_digest_is_refused_unread(
    tmp_path: Path, builder: ModuleType, index: tuple[Path, str]
):
    marker, _ = index
    with pytest.raises(SystemExit, match="DO NOT MATCH THE HASHES"):
        builder.download(tmp_path, tmp_path / "log", builder.SDIST_SHA256)
    assert not marker.exists()
    assert not list(tmp_path.glob("*.tar.gz"))
